"""Related entries that fail, of every kind and at every level: what is answered, what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contents import Contents
from tests.writes.nest import ABORTED, LEVELS, MISSING, Nest, fault, refused

Entry = dict[str, Any]


class Stage:
    """The items that entries name, made anew in an empty nest."""

    def __init__(self, nest: Nest, level: int) -> None:
        self.nest = nest
        self.level = level
        self.place = LEVELS[level - 1]  # the datastore of the entry that fails
        self.parent = nest.make(name="parent")
        self.own = nest.make(self.place, name="own")
        self.taken = nest.make(self.place, name="holder", code="taken")
        self.finished = nest.make(self.place, name="finished")
        done = nest.edit(self.finished, {"rev_no": 1, "action_id": "Finish"}, datastore=self.place)
        assert done.status == 200
        self.hidden = nest.make(self.place, user="eve", name="hidden")
        self.carrier = nest.make("TWO", name="carrier") if level == 3 else ""

    @property
    def path(self) -> str:
        """Where the failing entry stands: the second of its list."""
        above = [self.nest.id(one) for one in LEVELS[: self.level - 1]]
        return "/".join([*(f"{one}/0" for one in above), f"{self.nest.id(self.place)}/1"])

    def tree(self, *failing: Entry) -> dict[str, Any]:
        """Related entries: a good one, those that fail, a good one; on their level."""
        entries: dict[str, Any] = {
            self.place: [
                {"operation": 1, "link_to_parent": True, "item": {"name": "before"}},
                *failing,
                {"operation": 2, "i_id": self.taken, "rev_no": 1, "item": {"name": "after"}},
            ]
        }
        if self.level == 3:  # below an item that is there
            linked = {"operation": 11, "i_id": self.carrier, "related_ds_items": entries}
            entries = {"TWO": [linked]}
        if self.level > 1:  # below an item that is made by the same call
            entries = {
                "ONE": [{"operation": 1, "item": {"name": "one"}, "related_ds_items": entries}]
            }
        return entries


@dataclass
class Kind:
    """A way to fail."""

    entry: Callable[[Stage], Entry]
    told: Callable[[Stage], Entry]


def made(error: str, code: str, description: str, entry: Entry) -> Kind:
    """An entry that makes an item and whose values or action are refused."""
    return Kind(
        lambda _: {"operation": 1, **entry},
        lambda stage: fault(error, code, stage.path, description, stage.path),
    )


def changed(error: str, code: str, description: str, entry: Entry, item: str = "own") -> Kind:
    """An entry that changes an item that is there."""
    return Kind(
        lambda stage: {"operation": 2, "rev_no": 1, "i_id": getattr(stage, item), **entry},
        lambda stage: fault(error, code, getattr(stage, item), description, stage.path),
    )


def conflict(given: int, entry: Entry) -> Kind:
    """An entry that knows another revision."""

    def told(stage: Stage) -> Entry:
        place = stage.nest.id(stage.place)
        words = f"item:{stage.own}(d_id:{place}) has rev_no:1 but specified rev_no:{given}"
        return fault("Revision number mismatch", "ITEM_REV_CONFLICT", stage.own, words, stage.path)

    return Kind(lambda stage: {"operation": 2, "i_id": stage.own, **entry}, told)


def missing(operation: int, item: Callable[[Stage], str]) -> Kind:
    """An entry whose item is not there for the caller."""

    def told(stage: Stage) -> Entry:
        place = stage.nest.id(stage.place)
        words = f"couldn't check rev_no or item not found. ds:{place} i:{item(stage)} "
        return fault("couldn't check rev_no", "NOT_FOUND", f"d_id:{place}", words, stage.path)

    return Kind(lambda stage: {"operation": operation, "i_id": item(stage), "rev_no": 1}, told)


def forbidden(operation: int, action: str, item: str = "own", **more: Any) -> Kind:
    """An entry whose action is not for it, not for the caller or not for the status."""

    def told(stage: Stage) -> Entry:
        found = stage.nest.datastore(stage.place).find_action(action)
        words = (
            "invalid action_id or has no privileges to the user or current item status."
            f" a_id:{action}({found.id if found else action})"
            f" d_id:{stage.place}({stage.nest.id(stage.place)})"
        )
        reference = stage.path if operation == 1 else getattr(stage, item)
        return fault(words, "NO_PRIVILEGES", reference, path=stage.path)

    def entry(stage: Stage) -> Entry:
        named = {} if operation == 1 else {"i_id": getattr(stage, item)}
        return {"operation": operation, "action_id": action, **named, **more}

    return Kind(entry, told)


NOT_OPEN = "not arrowed to update this field for this action"
REQUIRED = "required field for this action"
TAKEN = "the value is not unique"
KINDS = {
    "a bad value": made(
        "amount: must be a number",
        "INVALID_VALUE",
        "must be a number",
        {"item": {"amount": "many"}},
    ),
    "a value out of bounds": changed(
        "amount: must be at most 1000",
        "INVALID_VALUE",
        "must be at most 1000",
        {"item": {"name": "x", "amount": 1001}},
    ),
    "a number that is given": made(
        "number: a field of type autonum can't be written",
        "INVALID_VALUE",
        "a field of type autonum can't be written",
        {"changes": [{"id": "number", "value": "N-9"}]},
    ),
    "a duplicate unique value": made(
        f"code: {TAKEN}", "INVALID_VALUE", TAKEN, {"item": {"code": "taken"}}
    ),
    "a change to a duplicate": changed(
        f"code: {TAKEN}", "INVALID_VALUE", TAKEN, {"item": {"code": "taken"}}
    ),
    "a missing mandatory value": made(
        REQUIRED,
        "INVALID_VALUE",
        f"name is a {REQUIRED}",
        {"action_id": "CreateNamed", "item": {"code": "x"}},
    ),
    "a cleared mandatory value": changed(
        REQUIRED,
        "INVALID_VALUE",
        f"name is a {REQUIRED}",
        {"action_id": "Rename", "item": {"name": ""}},
    ),
    "a field that the action closes": changed(
        NOT_OPEN,
        "NO_PRIVILEGES",
        "amount can't be updated with this action",
        {"action_id": "Rename", "item": {"amount": 1}},
    ),
    "a field that the action hides": changed(
        NOT_OPEN,
        "NO_PRIVILEGES",
        "code can't be updated with this action",
        {"action_id": "Rename", "item": {"code": "x"}},
    ),
    "a field of other roles": made(
        NOT_OPEN,
        "NO_PRIVILEGES",
        "secret can't be updated with this action",
        {"item": {"secret": "x"}},
    ),
    "a stale revision": conflict(7, {"rev_no": 7, "item": {"name": "x"}}),
    "no revision": conflict(0, {"item": {"name": "x"}}),
    "a missing item to change": missing(2, lambda _: MISSING),
    "a missing item to delete": missing(3, lambda _: MISSING),
    "a missing item to link": missing(11, lambda _: MISSING),
    "a missing item to unlink": missing(12, lambda _: MISSING),
    "an item that is no id": missing(2, lambda _: "item\u0000one"),
    "an item of another datastore": missing(2, lambda stage: stage.parent),
    "an invisible item to change": missing(2, lambda stage: stage.hidden),
    "an invisible item to delete": missing(3, lambda stage: stage.hidden),
    "an invisible item to link": missing(11, lambda stage: stage.hidden),
    "an invisible item to unlink": missing(12, lambda stage: stage.hidden),
    "a forbidden action to make": forbidden(1, "CreateDone"),
    "a forbidden action to change": forbidden(2, "Audit", rev_no=1),
    "a forbidden action to delete": forbidden(3, "Wipe"),
    "an action to change that makes": forbidden(1, "Update"),
    "an action to make that changes": forbidden(2, "Create"),
    "an action to change that deletes": forbidden(3, "Update"),
    "an action that is not there": forbidden(2, "Nothing"),
    "an action of another status": forbidden(2, "Finish", "finished", rev_no=2),
}
MAY_NEST = (1, 2, 11)


def entry_of(kind: Kind, stage: Stage) -> Entry:
    """The failing entry, with one below it that would be good."""
    entry = kind.entry(stage)
    if entry["operation"] in MAY_NEST:
        below = LEVELS[stage.level]
        entry["related_ds_items"] = {below: [{"operation": 1, "item": {"name": "not tried"}}]}
    return entry


@pytest.fixture(scope="module")
def without(opened) -> Callable[[str, int], Contents]:
    """What is there after the same write without the entry that fails."""
    found: dict[tuple[str, int], Contents] = {}

    def after(call: str, level: int) -> Contents:
        if (call, level) not in found:
            opened.empty()
            stage = Stage(opened, level)
            assert write(call, stage, {"related_ds_items": stage.tree()}).status == 200
            found[call, level] = opened.contents()
        return found[call, level]

    return after


def write(call: str, stage: Stage, body: Entry) -> Any:
    """UpdateItem of the parent, or CreateItem of one."""
    stage.nest.clock.advance(seconds=1)
    body = {"item": {"name": "written"}, "comment": "why", **body}
    if call == "create":
        return stage.nest.create(body)
    return stage.nest.edit(stage.parent, {"rev_no": 1, **body})


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_child_that_fails_is_told_and_leaves_no_trace(nest, without, kind, level):
    call = "create" if level == 2 else "update"
    expected = without(call, level)
    nest.empty()
    stage = Stage(nest, level)
    reply = write(call, stage, {"related_ds_items": stage.tree(entry_of(KINDS[kind], stage))})
    assert reply.status == 200, reply.json
    told = reply.json
    assert told["error"] == [KINDS[kind].told(stage)]
    assert told["history_id"]
    assert told["item_id"] == (stage.parent if call == "update" else told["item_id"])
    assert nest.contents() == expected


@pytest.fixture(scope="module")
def stages(opened) -> Callable[[int], tuple[Stage, Contents]]:
    """A stage on which nothing is ever written: it need not be made again."""
    made: tuple[int, int, Stage, Contents] | None = None

    def stage(level: int) -> tuple[Stage, Contents]:
        nonlocal made
        if made is None or made[:2] != (level, opened.times_emptied):
            opened.empty()
            stage = Stage(opened, level)
            made = (level, opened.times_emptied, stage, opened.contents())
        return made[2:]

    return stage


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [1, 2, 3])  # varies last, so that a stage serves all kinds
def test_with_ensure_transaction_a_child_that_fails_takes_everything_back(stages, kind, level):
    stage, before = stages(level)
    for call, item in (("update", stage.parent), ("create", "")):
        related = stage.tree(entry_of(KINDS[kind], stage))
        reply = write(call, stage, {"ensure_transaction": True, "related_ds_items": related})
        assert reply.status == 400
        assert reply.json == refused(ABORTED, KINDS[kind].told(stage), item=item)
        assert stage.nest.contents() == before


@pytest.mark.parametrize("level", [1, 2, 3])
def test_with_ensure_transaction_every_fault_is_told_in_payload_order(stages, level):
    stage, before = stages(level)
    failing = [
        KINDS[kind] for kind in ("a bad value", "a stale revision", "a missing item to link")
    ]
    related = stage.tree(*(entry_of(one, stage) for one in failing))
    told = [one.told(stage) for one in failing]
    for at, one in enumerate(told):
        place = f"{stage.path[:-1]}{at + 1}"
        one["reference_id"] = place if one["reference_id"] == stage.path else one["reference_id"]
        one["path"] = place
    reply = write("update", stage, {"ensure_transaction": True, "related_ds_items": related})
    assert (reply.status, reply.json) == (400, refused(ABORTED, *told, item=stage.parent))
    assert stage.nest.contents() == before


def test_after_a_write_that_was_taken_back_the_next_one_goes_through(nest):
    stage = Stage(nest, 2)
    bad = {"related_ds_items": stage.tree({"operation": 1, "item": {"amount": "x"}})}
    assert write("update", stage, {"ensure_transaction": True, **bad}).status == 400
    good = {"related_ds_items": stage.tree()}
    assert write("update", stage, {"ensure_transaction": True, **good}).json["error"] == ""
    numbers = [
        row[0] for row in nest.rows(f"SELECT f_{nest.id('ONE', 'number')} FROM i_{nest.id('ONE')}")
    ]
    assert numbers == ["N-0001"]


@pytest.mark.parametrize("ensure", [True, False])
@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"rev_no": 7}, 409, "Revision number mismatch"),
        ({}, 409, "Revision number mismatch"),
        ({"rev_no": 1, "item": {"amount": "x"}}, 400, "amount: must be a number"),
        ({"rev_no": 1, "action_id": "Rename", "item": {"amount": 1}}, 403, NOT_OPEN),
    ],
)
def test_the_parents_own_fault_is_told_alone_and_no_child_is_tried(
    nest, ensure, body, status, told
):
    stage = Stage(nest, 1)
    before = nest.contents()
    failing = {"operation": 1, "item": {"amount": "many"}}
    related = {"ensure_transaction": ensure, "related_ds_items": stage.tree(failing)}
    reply = nest.edit(stage.parent, {**body, **related})
    assert reply.status == status
    assert [one["error"] for one in reply.json["error"]] == [told]
    assert reply.json | {"error": []} == refused(item=stage.parent)
    assert nest.contents() == before


@pytest.mark.parametrize("ensure", [True, False])
def test_a_parent_that_may_not_be_written_is_told_alone(nest, ensure):
    stage = Stage(nest, 1)
    before = nest.contents()
    body = {"rev_no": 1, "ensure_transaction": ensure, "related_ds_items": stage.tree()}
    assert nest.edit(stage.parent, {**body, "action_id": "Audit"}).status == 403
    assert nest.edit(stage.parent, body, user="eve").status == 404
    assert nest.edit(MISSING, body).status == 404
    assert nest.contents() == before
