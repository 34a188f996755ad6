"""The works of HotTask's tables, each beside the Hexabase call that does the same."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from . import bodies
from .hikidashi import Hikidashi
from .load import Load, Pool
from .stand import ITEMS, Stand
from .works import Run, Target, Work, make_load, make_side

CODE = "benchorders1"
PAGE, PAGES = 20, 10
_TABLE = "/autodev/CustomTableValue/{verb}/" + f"{CODE}/{bodies.ORDERS}"


def _load(stand: Stand, server: Hikidashi, verb: str, sent: list[str], *wanted: str) -> Load:
    """Calls of a table by the member who has made the orders, as those beside them are."""
    pool = Pool("POST", [_TABLE.format(verb=verb)], sent, wanted=('"Success":true', *wanted))
    return make_load(stand, server, f"{server.name}-{verb}", pool)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _make_ud(stand: Stand) -> Work:
    chance = random.Random(11)

    def rows() -> Run:
        server = stand.hikidashi()
        stand.orders_of(server)
        sent = [
            _text({"update": {"id": chance.randint(1, ITEMS), **bodies.make_changes(chance)}})
            for _ in range(bodies.BODIES)
        ]
        return _load(stand, server, "UD", sent, '"Data":1').run

    def items() -> Run:
        server = stand.hikidashi()
        paths = [f"{bodies.ITEMS}/edit/{one}" for one in stand.orders_of(server)]
        wanted = ['"error":""', '"IsChanged":true']
        pool = Pool("POST", paths, bodies.updates(bare=False), wanted=wanted)
        return make_load(stand, server, f"{server.name}-edit", pool).run

    return Work(
        "hottask-ud",
        "UD: three of twelve fields of one of 10,000 rows",
        "updates/s",
        (make_side("UD", rows), make_side("UpdateItem", items)),
        (Target("UpdateItem", 0.9),),
    )


def _make_page(stand: Stand) -> Work:
    def rows() -> Run:
        server = stand.hikidashi()
        stand.orders_of(server)
        order: dict[str, Any] = {"OrderByField": "CreateTime", "IsAsc": False, "PageSize": PAGE}
        sent = [_text({**order, "PageNo": at}) for at in range(1, PAGES + 1)]
        return _load(stand, server, "Page", sent, '"VirtualCount":', '"id":').run

    def items() -> Run:
        server = stand.hikidashi()
        stand.orders_of(server)
        order = {"sort_field_id": "created_at", "sort_order": "desc", "per_page": PAGE}
        shown = {"use_display_id": True, "return_number_value": True}
        sent = [_text({**order, **shown, "page": at}) for at in range(1, PAGES + 1)]
        pool = Pool("POST", [f"{bodies.ITEMS}/search"], sent, wanted=['"totalItems":', '"i_id":'])
        return make_load(stand, server, f"{server.name}-list", pool).run

    return Work(
        "hottask-page",
        f"Page: {PAGE} of 10,000 rows, one of the {PAGES} pages of the newest, and their count",
        "pages/s",
        (make_side("Page", rows), make_side("ItemList", items)),
        (Target("ItemList", 0.9),),
    )


WORKS: dict[str, Callable[[Stand], Work]] = {
    "hottask-ud": _make_ud,
    "hottask-page": _make_page,
}
SUMMARIES = {
    "hottask-ud": "HotTask's UD beside UpdateItem",
    "hottask-page": "HotTask's Page beside ItemList",
}
