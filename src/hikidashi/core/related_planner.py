"""What hangs on an item: related entries written after it, and the links between them. Pure."""

from __future__ import annotations

from .commands import EntryRequest, Op, Publish
from .draft import get_visible_item
from .errors import Fault, FaultError, FaultKind, related_item_missing
from .items import Link
from .plan import DeleteLink, InsertLink
from .write_planner import Frame, WritePlanner


class RelatedPlanner(WritePlanner):
    """Gathers the steps of items with their related entries, in payload order."""

    def _related(self, entry: EntryRequest, frame: Frame, publish: Publish | None) -> None:
        inherited = publish if publish is not None and publish.apply_related else None
        for one in entry.related:
            mark, steps = self._snapshot.mark(), len(self._steps)
            try:
                self._related_entry(one, frame, one.publish or inherited)
            except FaultError as error:
                self._snapshot.undo_to(mark)
                del self._steps[steps:]
                self._failed = True
                self._faults.extend(self._told_of(one, error))

    def _told_of(self, entry: EntryRequest, error: FaultError) -> list[Fault]:
        """A related entry's faults, each saying which entry it speaks of."""
        datastore = entry.datastore.id
        if error.kind is FaultKind.NO_ITEM:
            missing = related_item_missing(datastore, entry.item)
            return [missing.at(missing.reference, entry.path)]
        reference = entry.path
        if entry.item:
            item = self._snapshot.items.get((datastore, entry.item))
            if item is not None and not item.keys.isdisjoint(self._actor.keyring):
                reference = entry.item
        return [fault.at(reference, entry.path) for fault in error.faults]

    def _related_entry(self, entry: EntryRequest, parent: Frame, publish: Publish | None) -> None:
        match entry.operation:
            case Op.NEW | Op.UPDATE | Op.COPY:
                frame, _ = self._write(entry, publish)
                if entry.operation is not Op.UPDATE:
                    self._made.append(frame.item.id)
                self._link(parent, frame, both=entry.link_to_parent)
            case Op.DELETE:
                frame, _ = self._write(entry, None)
            case Op.LINK:
                frame = Frame(get_visible_item(entry, self._scope), None, "")
                self._link(parent, frame, both=entry.link_to_parent)
            case Op.UNLINK:
                frame = Frame(get_visible_item(entry, self._scope), None, "")
                self._unlink(parent, frame)
                self._unlink(frame, parent)
            case Op.ACT:
                raise ValueError("a resolved entry says what its action does")
        if entry.related:
            self._related(entry, frame, publish)
        self._close(frame, run_post=self._command.run_related_post)

    def _link(self, parent: Frame, child: Frame, *, both: bool) -> None:
        self._link_one(parent, child)
        if both:
            self._link_one(child, parent)

    def _link_one(self, source: Frame, target: Frame) -> None:
        snapshot = self._snapshot
        if snapshot.links_between(source.item.id, target.item.id):
            return
        link = Link(source.item.datastore, source.item.id, target.item.datastore, target.item.id)
        snapshot.put_link(link)
        self._steps.append(InsertLink(link))
        source.added.append((link.to_datastore, link.to_item))

    def _unlink(self, source: Frame, target: Frame) -> None:
        for link in self._snapshot.links_between(source.item.id, target.item.id):
            if link.kind == "link":
                self._snapshot.drop_link(link)
                self._steps.append(DeleteLink(link))
                source.removed.append((link.to_datastore, link.to_item))
