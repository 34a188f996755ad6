"""Definitions as a file wants them against those that are there. Pure but for the ids it takes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ...core.actions import Operation
from ...core.ids import IdSource
from ...core.record import record
from ...storage.definition_bodies import Body, Definition, FieldBody, GroupBody, RoleBody
from ...storage.definitions import Edit
from .changes import Change, EditDefinition, ForgetHolders, SchemaEdit
from .forms import Scope
from .formulas import bind_formulas
from .index import Index
from .keys import changed_keys, shown, usual_body
from .matching import Drop, Match, Matcher, Matching, Reorder
from .model import DEFAULT_ACTIONS, WORDS, Node, WorkspaceNode
from .problems import Place
from .sections import USUAL

_HOLD_NO_DATA = frozenset(
    (
        *("action", "webhook", "relation", "query", "report", "chart"),
        *("function", "constant", "schedule"),
    )
)


@record
class Outcome:
    """Definitions as they will be, and what leads there."""

    changes: tuple[Change, ...]
    after: tuple[Definition, ...]
    index: Index
    matches: tuple[Match, ...]
    dropped: frozenset[str]  # ids
    places: dict[str, Place]  # where the file speaks of a definition, by id
    formulas: dict[str, str]  # of calc fields, by id, with display ids

    @property
    def designing(self) -> set[str]:
        """The ids of roles that may change the design."""
        return {
            one.id for one in self.after if isinstance(one.body, RoleBody) and one.body.may_design
        }


def compare(
    workspace: str,
    before: Iterable[Definition],
    node: WorkspaceNode,
    ids: IdSource,
    used_ids: frozenset[str],
) -> Outcome:
    """What has to change for a workspace's definitions to be as the file says."""
    held = {one.id: one for one in before}
    matching = Matcher(held.values(), ids, used_ids).run(node)
    return _Comparison(workspace, held, matching, ids).outcome()


class _Comparison:
    def __init__(
        self, workspace: str, before: dict[str, Definition], matching: Matching, ids: IdSource
    ) -> None:
        self._workspace = workspace
        self._before = before
        self._matching = matching
        self._ids = ids
        self._old = Index(before.values())
        self._told: set[str] = set()  # ids of what has a line of its own
        self._index = Index()  # every definition by the name it will have

    def outcome(self) -> Outcome:
        matching = self._matching
        self._build_index()
        for match in matching.matches:
            self._resolve(match)
        formulas = bind_formulas(matching, self._before, self._index)
        after = {key: one for key, one in self._before.items() if key not in matching.dropped}
        for reorder in matching.reorders:
            for id_ in reorder.ids:
                after[id_] = _at(after[id_], matching.positions[id_])
        after |= {one.id: one.after for one in matching.matches if one.after}
        self._told = {one.id for one in matching.matches if _is_told(one)}
        changes = [
            *[self._drop(one) for one in matching.drops],
            *[self._reorder(one, after) for one in matching.reorders],
            *[change for one in matching.matches if (change := self._edit(one))],
        ]
        return Outcome(
            tuple(changes),
            tuple(after.values()),
            self._index,
            tuple(matching.matches),
            frozenset(matching.dropped),
            {one.id: one.node.section.place() for one in matching.matches},
            formulas,
        )

    def _build_index(self) -> None:
        told = {match.id for match in self._matching.matches} | self._matching.dropped
        for one in sorted(self._before.values(), key=lambda one: one.position):
            if one.id not in told:
                self._index.add(one.kind, one.id, one.parent, one.display_id)
        for match in self._matching.matches:
            kind, name = match.node.kind, match.display_id
            if not self._index.add(kind, match.id, match.parent, name):
                match.node.section.fail(f"{name} is the display id of another", "display_id")

    # -- bodies --------------------------------------------------------------------------------

    def _resolve(self, match: Match) -> None:
        node, before = match.node, match.before
        body = before.body if before else _usual_body(node)
        if body is None:
            return
        exists, dropped = before is not None, list[str]()
        project = match.id if node.kind == "project" else match.project
        scope = Scope(self._index, project, match.parent, self._ids, exists, dropped)
        for form, raw in node.given:
            misplaced = (
                isinstance(body, FieldBody)
                and form.kinds is not None
                and body.kind not in form.kinds
            )
            if misplaced and raw is not False:
                node.section.fail(f"means nothing for a {_word(body)} field", form.name)
                continue
            if raw is USUAL:
                attributes = form.reset(usual_body(node.kind, _word(body)))
            else:
                attributes = form.resolve(raw, node.section, scope, body)
            body = msgspec.structs.replace(body, **attributes)
        if not body.names:
            body = msgspec.structs.replace(body, names={"en": match.display_id})
        if isinstance(body, GroupBody):
            body = msgspec.structs.replace(body, parent=match.group)
        position = self._matching.positions.get(match.id, before.position if before else 1)
        match.after = Definition(match.id, match.parent, match.display_id, position, body)
        match.lost_options = tuple(dropped)

    # -- changes -------------------------------------------------------------------------------

    def _drop(self, drop: Drop) -> Change:
        top = drop.contents[0]
        path = self._old.path(top.id)
        edits: list[SchemaEdit] = []
        for one in reversed(drop.contents):
            edits.append(EditDefinition(self._workspace, Edit(one, None)))
            if one.kind in ("role", "group"):
                edits.append(ForgetHolders(self._workspace, one.kind, one.id))
        destroys = "" if top.kind in _HOLD_NO_DATA else path
        line = f"- {_kind(top)} {path}"
        return Change(line, tuple(edits), drop.node.section.place("deleted"), destroys)

    def _reorder(self, reorder: Reorder, after: dict[str, Definition]) -> Change:
        edits = tuple(
            EditDefinition(self._workspace, Edit(self._before[one], after[one]))
            for one in reorder.ids
            if one not in self._told
        )
        parent = after[reorder.ids[0]].parent
        where = f" in {self._index.path(parent)}" if parent else ""
        kind = WORDS.get(reorder.kind, reorder.kind)
        return Change(f"~ order of {kind}s{where}", edits, reorder.section.place())

    def _edit(self, match: Match) -> Change | None:
        after, before = match.after, match.before
        if after is None or not _is_told(match):
            return None
        edits = (EditDefinition(self._workspace, Edit(before, after)),)
        path, place = self._index.path(match.id), match.node.section.place()
        if before is None:
            word = _word(after.body)
            return Change(f"+ {_kind(after)} {path}{f' ({word})' if word else ''}", edits, place)
        notes = []
        if before.display_id != after.display_id:
            notes.append(f"display_id ({before.display_id} -> {after.display_id})")
        notes += [
            f"{key}{shown(after.kind, key, before.body, after.body)}"
            for key in changed_keys(after.kind, before.body, after.body)
        ]
        if _parent(before) != _parent(after):
            notes.append(f"moves under {self._index.display(_parent(after))}")
        if match.lost_options:
            notes.append(f"drops {', '.join(match.lost_options)}")
        line = f"~ {_kind(after)} {path}: {', '.join(notes)}"
        return Change(line, edits, place, path if match.lost_options else "")


def _is_told(match: Match) -> bool:
    """It has a line of its own; a mere change of position has none."""
    before, after = match.before, match.after
    if after is None:
        return False
    return before is None or _at(before, 0) != _at(after, 0)


def _at(one: Definition, position: int) -> Definition:
    return Definition(one.id, one.parent, one.display_id, position, one.body)


def _kind(one: Definition) -> str:
    return WORDS.get(one.kind, one.kind)


def _parent(one: Definition) -> str:
    return one.body.parent if isinstance(one.body, GroupBody) else ""


def _word(body: Body) -> str:
    """A field's type or an action's operation."""
    value = getattr(body, "kind", None) or getattr(body, "operation", "")
    return value.value if isinstance(value, Operation) else str(value)


def _usual_body(node: Node) -> Body | None:
    """A new definition of which only type or operation is said; None if even that is missing."""
    word = node.word
    if node.kind == "action" and not word:
        operation = DEFAULT_ACTIONS.get(node.display_id)
        if operation is None:
            if not node.section.has("operation"):
                words = ", ".join(one.value for one in Operation)
                node.section.fail(f"needs an operation: {words}")
            return None
        word = operation.value
    if node.kind == "field" and not word:
        if not node.section.has("type"):
            node.section.fail("needs a type")
        return None
    body = usual_body(node.kind, word)
    if isinstance(body, RoleBody) and node.display_id == "ADMIN":
        return RoleBody(may_design=True)
    return body
