"""The same orders and lines for every server, made at random from a fixed seed."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from .load import NEW_ID

CHILDREN = 10
BODIES = 10_000
NESTED_BODIES = 500  # they are long
BULK_BODIES = 50  # so are these
APPLICATION, ORDERS, LINES, TICKETS = "shop", "orders", "lines", "tickets"
ITEMS = f"/api/v0/applications/{APPLICATION}/datastores/{ORDERS}/items"
NUMBERS = f"/api/v0/applications/{APPLICATION}/datastores/{TICKETS}/fields/number/autonum"
RECORDS = "/api/collections/orders/records"
_TAGS = ("new", "gift", "urgent", "fragile")
_WORDS = ("early", "late", "heavy", "blue", "paper", "glass", "north", "south", "会議", "見積もり")
RARE_WORD, RARE_OF = "倉庫", 10_000  # in one note of so many


def _instant(chance: random.Random) -> str:
    day, month = chance.randrange(1, 29), chance.randrange(1, 13)
    clock = f"{chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}"
    return (
        f"20{chance.randrange(20, 40)}-{month:02d}-{day:02d}T{clock}.{chance.randrange(1000):03d}Z"
    )


def _note(chance: random.Random) -> str:
    words, number = chance.choices(_WORDS, k=5), chance.randrange(10**9)
    if number % RARE_OF == 0:
        words.append(RARE_WORD)
    return f"{' '.join(words)} {number}"


def make_order(chance: random.Random) -> dict[str, Any]:
    """A value for each of the twelve fields."""
    number = chance.randrange(10**8)
    return {
        "subject": f"Order {number}",
        "customer": f"Customer {chance.randrange(2_000)}",
        "amount": chance.randrange(10**9) / 100,
        "quantity": chance.randrange(1, 1_000),
        "priority": chance.choice(("low", "normal", "high")),
        "channel": chance.choice(("web", "phone", "shop")),
        "tags": chance.sample(_TAGS, 2),
        "ordered_at": _instant(chance),
        "due_at": _instant(chance),
        "note": _note(chance),
        "paid": chance.random() < 0.5,
        "reference": f"R-{number:08d}",
    }


def make_line(chance: random.Random) -> dict[str, Any]:
    """A value for each field of a line."""
    return {
        "product": f"Product {chance.randrange(5_000)}",
        "pieces": chance.randrange(1, 50),
        "price": chance.randrange(10**6) / 100,
    }


def make_changes(chance: random.Random) -> dict[str, Any]:
    """Three fields, one of them indexed; the note is new in each request."""
    return {
        "amount": chance.randrange(10**9) / 100,
        "due_at": _instant(chance),
        "note": f"{_note(chance)} {NEW_ID}",
    }


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def updates(*, bare: bool) -> list[str]:
    """Bodies that change three fields; `bare` for PocketBase's PATCH."""
    chance = random.Random(11)
    found = [make_changes(chance) for _ in range(BODIES)]
    if bare:
        return [_text(one) for one in found]
    return [_text({"item": one, "use_display_id": True, "is_force_update": True}) for one in found]


def bulk_updates(orders: list[str], items: int) -> list[str]:
    """Bodies that change two fields of so many orders, chosen by their ids."""
    chance = random.Random(14)
    found = []
    for _ in range(BULK_BODIES):
        chosen = {"id": "i_id", "search_value": chance.sample(orders, items)}
        changes = {"amount": chance.randrange(10**9) / 100, "note": f"{_note(chance)} {NEW_ID}"}
        found.append(_text({"conditions": [chosen], "max_items": items, "item": changes}))
    return found


def creates(*, bare: bool) -> list[str]:
    """Bodies that make an order."""
    chance = random.Random(12)
    found = [make_order(chance) for _ in range(BODIES)]
    return [_text(one if bare else {"item": one, "use_display_id": True}) for one in found]


def nested_creates() -> list[str]:
    """Bodies that make an order and ten lines that belong to it, all or nothing."""
    chance = random.Random(13)
    found = []
    for _ in range(NESTED_BODIES):
        lines = [{"operation": 1, "item": make_line(chance)} for _ in range(CHILDREN)]
        body = {"item": make_order(chance), "use_display_id": True, "ensure_transaction": True}
        found.append(_text({**body, "related_ds_items": {LINES: lines}}))
    return found


def batches() -> list[str]:
    """The same for PocketBase: a batch of eleven creates, the lines related to the order."""
    chance = random.Random(13)
    found = []
    for _ in range(NESTED_BODIES):
        lines = [{"parent": NEW_ID, **make_line(chance)} for _ in range(CHILDREN)]
        order = {"id": NEW_ID, **make_order(chance)}
        urls = [RECORDS, *["/api/collections/lines/records"] * CHILDREN]
        requests = [
            {"method": "POST", "url": url, "body": body}
            for url, body in zip(urls, [order, *lines], strict=True)
        ]
        found.append(_text({"requests": requests}))
    return found
