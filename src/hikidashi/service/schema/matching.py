"""Which definition each part of a file speaks of, which go, and in what order siblings stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from ...core.ids import IdSource
from ...storage.definition_bodies import Definition, GroupBody
from .model import CHILDREN, Node, WorkspaceNode, default_actions, implied
from .sections import Section

_EVERYWHERE = ("ADMIN", "MEMBER")  # roles of every application


@dataclass(eq=False, slots=True)
class Match:
    """A node of the file and the definition that it speaks of."""

    node: Node
    before: Definition | None  # None: it is to be made
    id: str
    parent: str  # id, as in the definition
    project: str  # id of the project it is in; "" outside
    group: str = ""  # a group's parent, id
    after: Definition | None = None
    lost_options: tuple[str, ...] = ()  # display ids

    @property
    def display_id(self) -> str:
        """The display id it will have."""
        return self.node.display_id or (self.before.display_id if self.before else "")


@dataclass(eq=False, slots=True)
class Drop:
    """A definition that goes, with everything in it."""

    node: Node
    contents: list[Definition]  # itself first


@dataclass(eq=False, slots=True)
class Reorder:
    """Siblings that stand in another order than they did."""

    section: Section
    kind: str
    ids: list[str]  # of those whose position changes


@dataclass(eq=False, slots=True)
class Matching:
    """What became of a workspace's part of a file."""

    matches: list[Match] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)  # ids, contents included
    positions: dict[str, int] = field(default_factory=dict)  # where they are given anew
    reorders: list[Reorder] = field(default_factory=list)


class Matcher:
    """Goes through the file level by level. Problems go to the sections they belong to."""

    def __init__(
        self, before: Iterable[Definition], ids: IdSource, used_ids: frozenset[str]
    ) -> None:
        self._before = {one.id: one for one in before}
        self._ids = ids
        self._used_ids = used_ids  # borne by definitions of other workspaces, or by deleted ones
        self._siblings: dict[tuple[str, str], list[Definition]] = {}
        for one in sorted(self._before.values(), key=lambda one: one.position):
            self._siblings.setdefault((one.kind, one.parent), []).append(one)
        self._taken: set[str] = set()
        self._found = Matching()

    def run(self, node: WorkspaceNode) -> Matching:
        """Match everything of a workspace."""
        groups = [node.top_group] if node.top_group else []
        if not groups and ("group", "") not in self._siblings:
            groups = [implied("group", "TOP", node.section)]
        self._groups(groups, "", node.section)
        self._level("project", node.projects, "", "", node.section)
        return self._found

    def _groups(self, nodes: list[Node], above: str, section: Section) -> None:
        found = self._match("group", nodes, "", "")
        for match in found:
            match.group = above
        every = self._siblings.get(("group", ""), [])
        self._arrange("group", found, [one for one in every if _above(one) == above], section)
        for match in found:
            children = match.node.children.get("group", [])
            self._groups(children, match.id, match.node.section)

    def _level(
        self, kind: str, nodes: list[Node], parent: str, project: str, section: Section
    ) -> None:
        found = self._match(kind, nodes, parent, project)
        self._arrange(kind, found, self._siblings.get((kind, parent), []), section)
        for match in found:
            inner = match.id if kind == "project" else project
            for _, child in CHILDREN.get(kind, ()):
                self._level(child, _children(match, child), match.id, inner, match.node.section)

    def _match(self, kind: str, nodes: list[Node], parent: str, project: str) -> list[Match]:
        found: list[Match] = []
        for node in nodes:
            before = self._find(kind, node, parent)
            if before is not None and before.id in self._taken:
                node.section.fail(f"{before.display_id} is told twice")
                continue
            if node.deleted:
                if before is not None:
                    self._drop(node, before)
                continue
            id_ = before.id if before else node.id or self._ids.next_id()
            if id_ in self._taken:
                node.section.fail("is told twice", "id")
            self._taken.add(id_)
            found.append(Match(node, before, id_, parent, project))
        self._found.matches.extend(found)
        return found

    def _find(self, kind: str, node: Node, parent: str) -> Definition | None:
        named = {one.display_id: one for one in self._siblings.get((kind, parent), ())}
        if not node.id:
            if node.was in named and node.display_id in named and node.was != node.display_id:
                reason = f"can't be renamed to {node.display_id}, which is there"
                node.section.fail(reason, "was")
            return named.get(node.display_id) or named.get(node.was)
        known = self._before.get(node.id)
        if known is not None and (known.kind, known.parent) == (kind, parent):
            return known
        if node.deleted and known is None:
            return None
        if known is not None or node.id in self._used_ids:
            node.section.fail("is the id of something else, or was once", "id")
        elif node.display_id in named:
            other = named[node.display_id].id
            node.section.fail(f"{node.display_id} is there with the id {other}", "id")
        elif not node.display_id:
            node.section.fail("names nothing that is there; a new one needs a display_id", "id")
        return None

    def _drop(self, node: Node, before: Definition) -> None:
        if before.kind == "role" and before.display_id in _EVERYWHERE:
            node.section.fail(f"the role {before.display_id} is in every application", "deleted")
        contents = [before]
        for one in contents:  # grows while it is walked
            for _, kind in CHILDREN.get(one.kind, ()):
                if kind != "group":
                    contents.extend(self._siblings.get((kind, one.id), ()))
        self._taken.add(before.id)
        self._found.drops.append(Drop(node, contents))
        self._found.dropped.update(one.id for one in contents)

    def _arrange(
        self, kind: str, found: list[Match], now: list[Definition], section: Section
    ) -> None:
        """Give positions: those of the file in its order, others after the neighbour they had."""
        if not found:
            return
        order = [match.id for match in found]
        held = {one.id: one.position for one in now if one.id not in self._found.dropped}
        present = list(held)
        for at, one in enumerate(present):
            if one not in order:
                order.insert(order.index(present[at - 1]) + 1 if at else 0, one)
        kept = [held[one] for one in order if one in held]
        new = [one for one in order if one not in held]
        if order == [*order[: len(kept)], *new] and all(a < b for a, b in pairwise(kept)):
            last = kept[-1] if kept else 0
            self._found.positions |= {one: last + at for at, one in enumerate(new, 1)}
            return
        positions = {one: at for at, one in enumerate(order, 1)}
        self._found.positions |= positions
        moved = [one for one in present if held[one] != positions[one]]
        if moved:
            self._found.reorders.append(Reorder(section, kind, moved))


def _above(group: Definition) -> str:
    return group.body.parent if isinstance(group.body, GroupBody) else ""


def _children(match: Match, child: str) -> list[Node]:
    """What the file says is in a definition, and what comes with a new one unsaid."""
    nodes = list(match.node.children.get(child, ()))
    if match.before is not None:
        return nodes
    section = match.node.section
    if child == "role":
        said = {one.display_id for one in nodes}
        nodes += [implied("role", one, section) for one in _EVERYWHERE if one not in said]
    if child == "action" and "action" not in match.node.children:
        nodes = default_actions(section)
    return nodes
