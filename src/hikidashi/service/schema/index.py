"""Definitions by kind, parent and name, as they will be when a schema file has been applied."""

from __future__ import annotations

from collections.abc import Iterable

from ...storage.definition_bodies import Definition


class Index:
    """Finds definitions by id or display id among those of one parent."""

    def __init__(self, definitions: Iterable[Definition] = ()) -> None:
        self._refs: dict[tuple[str, str], dict[str, str]] = {}
        self._display: dict[str, str] = {}
        self._parent: dict[str, str] = {}
        self._place: dict[str, int] = {}
        for one in definitions:
            self.add(one.kind, one.id, one.parent, one.display_id)

    def add(self, kind: str, id_: str, parent: str, display_id: str) -> bool:
        """Take a definition in; False if a sibling bears the display id."""
        siblings = self._refs.setdefault((kind, parent), {})
        if siblings.get(display_id, id_) != id_:
            return False
        siblings[display_id] = id_
        siblings[id_] = id_
        self._display[id_] = display_id
        self._parent[id_] = parent
        self._place.setdefault(id_, len(self._place))
        return True

    def find(self, kind: str, parent: str, ref: str) -> str | None:
        """The id of the definition that a reference names."""
        return self._refs.get((kind, parent), {}).get(ref)

    def display(self, id_: str) -> str:
        """A display id; the id itself if it is not known."""
        return self._display.get(id_, id_)

    def parent(self, id_: str) -> str:
        """The id of a definition's parent."""
        return self._parent.get(id_, "")

    def path(self, id_: str) -> str:
        """Display ids from the project down to a definition."""
        names = [self.display(id_)]
        while id_ := self.parent(id_):
            names.insert(0, self.display(id_))
        return "/".join(names)

    def ordered(self, ids: Iterable[str]) -> list[str]:
        """Those that are known, in the order in which they were taken in."""
        known = {one for one in ids if one in self._place}
        return sorted(known, key=self._place.__getitem__)
