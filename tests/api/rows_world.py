"""A table with a field of each kind, its rows, and what a plain reading of the rules finds in it."""

from __future__ import annotations

import random
import re
import unicodedata
from datetime import datetime
from typing import Any, Final, NamedTuple

from tests.api.tables import CODE, Tables

KEY: Final = "key-of-all-the-rows"
ROWS: Final = 60
SIZES: Final = ("S", "M", "L", "xl_1")
STATUSES: Final = ("Open", "Shut")
WORLD: Final = f"""
workspaces:
  - name: Rows
    users:
      - {{email: ann@rows.test, name: Ann, password: ann-password, admin: true}}
    applications:
      - display_id: rows
        hottask_code: {CODE}
        roles:
          - {{display_id: ADMIN, may_design: true, users: [ann@rows.test]}}
          - {{display_id: SITE}}
        keys: [{{name: site, key: {KEY}, roles: [SITE]}}]
        datastores:
          - display_id: things
            hottask_table: 123
            statuses: [{{display_id: Open}}, {{display_id: Shut}}]
            actions:
              - {{display_id: New, operation: new, default: true, publish: {{roles: [SITE]}}}}
              - {{display_id: Edit, operation: update, default: true}}
              - {{display_id: Delete, operation: delete, default: true}}
              - {{display_id: Shut, operation: update, status: Open, next_status: Shut}}
            fields:
              - {{display_id: name, type: text, as_title: true}}
              - {{display_id: note, type: textarea, has_index: true}}
              - {{display_id: amount, type: number}}
              - {{display_id: price, type: number, has_index: true}}
              - {{display_id: due, type: datetime, has_index: true}}
              - {{display_id: day, type: date}}
              - {{display_id: done, type: boolean}}
              - {{display_id: size, type: select, options: [{", ".join(f"{{display_id: {one}}}" for one in SIZES)}]}}
              - {{display_id: tags, type: checkbox, options: [{", ".join(f"{{display_id: {one}}}" for one in SIZES)}]}}
              - {{display_id: owner, type: dslookup, lookup: {{datastore: owners}}}}
              - {{display_id: number, type: autonum, prefix: "N-"}}
              - {{display_id: twice, type: calc, formula: "amount * 2"}}
              - {{display_id: state, type: status}}
              - {{display_id: people, type: users}}
              - {{display_id: paper, type: file}}
              - {{display_id: line, type: separator}}
              - {{display_id: secret, type: text, roles: [ADMIN]}}
          - display_id: owners
            hottask_table: 124
            actions:
              - {{display_id: New, operation: new, default: true, publish: {{roles: []}}}}
              - {{display_id: Share, operation: update, publish: {{roles: [SITE]}}}}
            fields: [{{display_id: name, type: text, as_title: true}}]
"""
TEXTS: Final = (
    *("", "a", "A", "ab", "Ab%", "a_b", "100%", "Ａｂ", "été", "ÉTÉ", "東京タワー", "ς", "Σa"),
    *("a'b", "!", "\\", "b\nc", "2025-03-01", "２０２５", "0", "null"),
)
NUMBERS: Final = (0, -1, 1, 1.5, 2, 1e10, -0.25, 1e-7)
INSTANTS: Final = (
    *("2025-03-01T00:00:00.000Z", "2025-03-01T09:00:00.000Z", "2025-03-01T23:59:59.999Z"),
    *("2025-03-02T00:00:00.000Z", "2025-02-28T09:30:00.500Z", "1969-12-31T23:59:59.999Z"),
    *("0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"),
    *("0999-06-15T12:00:00.001Z", "2024-02-29T12:34:56.789Z"),
)
OWNERS: Final = ("b", "a", "hidden", "B", "")
KINDS: Final = {
    "id": "whole",
    "rev_no": "whole",
    "name": "text",
    "note": "text",
    "number": "text",
    "amount": "number",
    "price": "number",
    "twice": "number",
    "due": "instant",
    "day": "instant",
    "CreateTime": "instant",
    "UpdateTime": "instant",
    "done": "boolean",
    "size": "option",
    "state": "option",
    "tags": "option",
    "owner": "item",
}
UNSORTED: Final = ("tags",)
EQUALITY: Final = ("Equal", "NotEqual", "In", "IsNull", "IsNotNull")
ORDER: Final = ("GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual")
WORDS: Final = ("StringContains", "StringStartsWith", "StringEndsWith", "Like")
TAKEN: Final = {
    "text": (*EQUALITY, *ORDER, *WORDS),
    "instant": (*EQUALITY, *ORDER, *WORDS),
    "number": (*EQUALITY, *ORDER),
    "whole": (*EQUALITY, *ORDER),
    "option": (*EQUALITY, *WORDS),
    "boolean": EQUALITY,
    "item": EQUALITY,
}


class Wish(NamedTuple):
    """A filter."""

    name: str
    op: str
    value: Any = None


class Rows(Tables):
    """The table, and what its rows are as they were made."""

    rows: list[dict[str, Any]]
    titles: dict[int, str]  # of the owners that are seen

    def fill(self) -> None:
        """Make owners, of whom one is hidden, and rows of all kinds of values."""
        ann = self._token()
        owners = {}
        for name in OWNERS:
            path = "/api/v0/applications/rows/datastores/owners/items"
            made = self.send("POST", f"{path}/new", {"item": {"name": name}}, ann).json()
            if name != "hidden":
                share = {"is_force_update": True}
                told = self.send("POST", f"{path}/action/{made['item_id']}/Share", share, ann)
                assert told.status_code == 200, told.text
            owners[name] = made["item_id"]
        listed = self.ask("List", [], table="owners")
        self.titles = {one["id"]: one["name"] or "" for one in listed}
        chance = random.Random(5)
        for at in range(ROWS):
            self._make(chance, [*owners.values()], is_shut=at % 5 == 0, is_edited=at % 3 == 0)
        self.rows = self.ask("List", [])
        assert len(self.rows) == ROWS

    def _token(self) -> dict[str, str]:
        login = {"email": "ann@rows.test", "password": "ann-password"}
        told = self.send("POST", "/api/v0/login", login).json()
        return {"Authorization": f"Bearer {told['token']}"}

    def _make(
        self, chance: random.Random, owners: list[str], *, is_shut: bool, is_edited: bool
    ) -> None:
        pools: dict[str, Any] = {
            "name": TEXTS,
            "note": TEXTS,
            "amount": NUMBERS,
            "price": NUMBERS,
            "due": INSTANTS,
            "day": INSTANTS,
            "done": (True, False),
            "size": SIZES,
            "owner": owners,
        }
        values = {key: chance.choice(pool) for key, pool in pools.items() if chance.random() < 0.8}
        values["tags"] = chance.sample(SIZES, chance.randrange(3))
        ann = self._token()
        made = self.send(
            "POST",
            "/api/v0/applications/rows/datastores/things/items/new",
            {"item": values, "use_display_id": True},
            ann,
        ).json()
        base = "/api/v0/applications/rows/datastores/things/items"
        force = {"is_force_update": True}
        if is_edited:
            self.send("POST", f"{base}/edit/{made['item_id']}", {**force, "item": {}}, ann)
        if is_shut:
            self.send("POST", f"{base}/action/{made['item_id']}/Shut", force, ann)

    def ask(self, verb: str, wishes: list[Wish], *, table: str = "things", **more: Any) -> Any:
        """The data of an answer that has to be a good one."""
        filters = [{"name": one.name, "op": one.op, "value": one.value} for one in wishes]
        told = self.post(verb, {"Filters": filters, **more}, {"customauth": KEY}, table=table)
        assert told["Success"], (wishes, told)
        return told["Data"]

    # -- the rules, over what was shown --------------------------------------------------------

    def find(self, wishes: list[Wish], order: str = "id", *, ascending: bool = True) -> list[int]:
        """The ids of the rows that all filters hold for, in an order."""
        found = [row for row in self.rows if all(holds(row, one) for one in wishes)]
        found.sort(key=lambda row: row["id"])
        found.sort(key=lambda row: self.rank(row, order), reverse=not ascending)
        return [row["id"] for row in found]

    def rank(self, row: dict[str, Any], order: str) -> tuple[bool, Any]:
        """Where a row stands by a field; what is empty comes first."""
        value = row[order]
        if order == "size" and value is not None:
            value = SIZES.index(value)
        if order == "state":
            value = STATUSES.index(value)
        if order == "owner" and value is not None:
            value = self.titles[value] or None
        return (value is not None, 0 if value is None else value)


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().replace("ς", "σ")


def holds(row: dict[str, Any], wish: Wish) -> bool:
    """Whether a filter holds for a row as it was shown."""
    kind, held, value = KINDS[wish.name], row[wish.name], wish.value
    if wish.op == "IsNull":
        return held is None
    if wish.op == "IsNotNull":
        return held is not None
    if wish.op == "Equal":
        return _equals(kind, held, value)
    if wish.op == "NotEqual":
        return not _equals(kind, held, value)
    if wish.op == "In":
        return any(_equals(kind, held, one) for one in value)
    if wish.op in ORDER:
        if held is None:
            return False
        one, other = _plain(kind, held), _plain(kind, value)
        return {
            "GreaterThan": one > other,
            "GreaterThanOrEqual": one >= other,
            "LessThan": one < other,
            "LessThanOrEqual": one <= other,
        }[wish.op]
    if value == "":
        return held is None if wish.op == "Like" else True
    texts = held if isinstance(held, list) else [] if held is None else [held]
    return any(_words(wish.op, one, value) for one in texts) or (
        wish.op == "Like" and not value.strip("%")
    )


def _equals(kind: str, held: Any, value: Any) -> bool:
    if value is None or value == "":
        return held is None
    if held is None:
        return False
    if isinstance(held, list):
        return value in held
    return bool(_plain(kind, held) == _plain(kind, value))


def _plain(kind: str, value: Any) -> Any:
    if kind in ("number", "whole", "item"):
        return float(value)
    if kind == "instant":
        return datetime.fromisoformat(value + ("T00:00:00+00:00" if len(value) == 10 else ""))
    return value


def _words(operator: str, held: str, value: str) -> bool:
    text = fold(held)
    if operator == "StringContains":
        return fold(value) in text
    if operator == "StringStartsWith":
        return text.startswith(fold(value))
    if operator == "StringEndsWith":
        return text.endswith(fold(value))
    parts = {"%": ".*", "_": "."}
    pattern = "".join(parts.get(one) or re.escape(fold(one)) for one in re.split("([%_])", value))
    return re.fullmatch(pattern, text, re.DOTALL) is not None
