"""Changes of the design by a call: made, refused, rehearsed, and told to the audit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.core.access import Identity
from hikidashi.core.errors import FaultError, FaultKind
from hikidashi.service.app import App
from hikidashi.service.design import Scene, Wish
from hikidashi.service.schema import loads, schema_apply
from hikidashi.service.schema.changes import GivePair, TakePair
from hikidashi.storage.audit import AuditEntry, list_audit
from tests.deterministic import fixed_ids

WORLD = """
workspaces:
  - name: Small
    users:
      - {email: ann@small.test, password: ann-password, admin: true}
      - {email: bob@small.test, password: bob-password}
    applications:
      - display_id: APP
        roles:
          - {display_id: ADMIN, users: [ann@small.test]}
          - {display_id: MEMBER, users: [bob@small.test]}
        datastores:
          - display_id: notes
            fields: [{display_id: text, type: text, as_title: true}]
"""


class Office:
    """An application with its loop and two people."""

    def __init__(self, url: str, clock, runner: asyncio.Runner) -> None:
        self.run = runner.run
        ids = fixed_ids()
        self.app: App = build(Config(database=url), clock=clock, ids=ids)
        self.run(self.app.open())
        self.run(schema_apply(self.app.store, ids, clock, loads(WORLD)))

    def person(self, name: str) -> Identity:
        async def come_in() -> Identity:
            token = await self.app.identities.login(f"{name}@small.test", f"{name}-password")
            return await self.app.identities.identify(token)

        return self.run(come_in())

    def audit(self, identity: Identity, **only: str) -> list[AuditEntry]:
        read = self.app.store.scan(
            lambda one: list_audit(one, identity.workspace, limit=100, **only)
        )
        found: list[AuditEntry] = self.run(read)
        return found

    def add_field(self, identity: Identity, display_id: str, **keys: object) -> str:
        """Make a field of notes; its id."""

        def wish(scene: Scene) -> Wish:
            datastore = scene.designed_datastore("notes", "APP")
            field = {"display_id": display_id, "type": "text", **keys}
            return Wish(inside(datastore.project, datastore.id, {"fields": [field]}))

        def answer(scene: Scene) -> str:
            return next(one.id for one in scene.now.definitions if one.display_id == display_id)

        return self.run(self.app.designs.change(identity, wish, answer))


def inside(project: str, datastore: str, keys: dict[str, object]) -> dict[str, object]:
    return {"applications": [{"id": project, "datastores": [{"id": datastore, **keys}]}]}


@pytest.fixture
def office(engine_url, clock) -> Iterator[Office]:
    with asyncio.Runner() as runner:
        one = Office(engine_url, clock, runner)
        yield one
        runner.run(one.app.close())


def test_a_field_is_made_and_the_audit_says_by_whom(office):
    ann = office.person("ann")
    field = office.add_field(ann, "note", unique=True)
    (entry,) = office.audit(ann, target=field)
    assert (entry.kind, entry.name, entry.before) == ("field", "note", None)
    assert (entry.author.via, entry.author.user) == ("api", ann.user)
    assert entry.after is not None
    assert entry.after["body"]["unique"] is True


def test_what_a_schema_file_makes_is_told_too(office):
    ann = office.person("ann")
    kinds = {one.kind for one in office.audit(ann)}
    assert {"workspace", "user", "member", "project", "role", "datastore", "field"} <= kinds
    assert {one.author.via for one in office.audit(ann)} == {"schema"}
    assert "password" not in "".join(str(one.after) for one in office.audit(ann, kind="user"))


def test_only_who_may_design_changes_anything(office):
    bob = office.person("bob")
    before = office.audit(bob)
    with pytest.raises(FaultError) as refused:
        office.add_field(bob, "note")
    assert refused.value.kind is FaultKind.FORBIDDEN
    assert office.audit(bob) == before


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"type": "texts"}, "type: "),
        ({"min": 3}, "min"),
        ({"display_id": "title"}, "display_id: title is reserved"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_a_file_may_not_say_a_call_may_not_either(office, keys, words):
    ann = office.person("ann")
    before = office.audit(ann)
    with pytest.raises(FaultError) as refused:
        office.add_field(ann, **{"display_id": "note", **keys})
    assert refused.value.kind is FaultKind.INVALID
    assert words in refused.value.faults[0].description
    assert office.audit(ann) == before


def test_grants_are_given_taken_and_told(office):
    ann, bob = office.person("ann"), office.person("bob")

    def change(edit: type[GivePair | TakePair]) -> int:
        def wish(scene: Scene) -> Wish:
            scene.administered()
            role = next(one for one in scene.now.definitions if one.display_id == "ADMIN")
            pair = (role.id, bob.user)
            return Wish(edits=[edit(scene.now.workspace.id, "user_roles", pair)])

        return office.run(
            office.app.designs.change(ann, wish, lambda one: len(one.now.people.user_roles))
        )

    assert (change(GivePair), change(TakePair)) == (3, 2)
    taken, given = office.audit(ann, kind="user_roles")[:2]
    assert (taken.before, taken.after) == ({"holder": bob.user}, None)
    assert (given.before, given.after) == (None, {"holder": bob.user})
    office.add_field(ann, "note")
    with pytest.raises(FaultError):
        office.add_field(bob, "more")


def test_a_rehearsal_tells_and_does_nothing(office):
    ann = office.person("ann")

    def wish(scene: Scene) -> Wish:
        datastore = scene.designed_datastore("notes")
        field = {"display_id": "text", "deleted": True}
        return Wish(inside(datastore.project, datastore.id, {"fields": [field]}))

    before = office.audit(ann)
    (line,) = office.run(office.app.designs.forecast(ann, wish)).lines
    assert line.startswith("- field APP/notes/text")
    with pytest.raises(FaultError) as refused:
        office.run(office.app.designs.change(ann, wish, lambda _: None))
    assert "destroys data" in refused.value.faults[0].description
    assert office.audit(ann) == before
