"""Links that lookup fields make: from an item to what it looks up, and back where a field says so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .catalog import Datastore
from .items import LOOKUP_LINK, Link, Snapshot
from .plan import DeleteLink, InsertLink, Step
from .values import Value


def looks_up(datastore: Datastore, changed: Iterable[str]) -> bool:
    """Whether a lookup is among the fields that change."""
    for key in changed:
        field = datastore.find_field(key)
        if field is not None and field.kind.refers_to == "item":
            return True
    return False


def follow_lookups(
    datastore: Datastore,
    item: str,
    held: Mapping[str, Value],
    wanted: Mapping[str, Value],
    snapshot: Snapshot,
) -> list[Step]:
    """The links of lookups that go and that come; a target that is gone gets none."""
    before, after = _links(datastore, item, held), _links(datastore, item, wanted)
    steps: list[Step] = []
    for key, link in before.items():
        if key not in after:
            snapshot.drop_link(link)
            steps.append(DeleteLink(link))
    for key, link in after.items():
        if key not in before and _is_there(link, item, snapshot):
            snapshot.put_link(link)
            steps.append(InsertLink(link))
    return steps


def _is_there(link: Link, item: str, snapshot: Snapshot) -> bool:
    if link.from_item == item:
        return snapshot.find_item(link.to_datastore, link.to_item) is not None
    return snapshot.find_item(link.from_datastore, link.from_item) is not None


def _links(
    datastore: Datastore, item: str, values: Mapping[str, Value]
) -> dict[tuple[str, str, str], Link]:
    """Every link that lookups ask for while an item holds these values."""
    found: dict[tuple[str, str, str], Link] = {}
    for field in datastore.stored_fields:
        if field.kind.refers_to != "item":
            continue
        place = field.settings.lookup_datastore
        for target in field.kind.ids(values.get(field.id)):
            if target == item:
                continue
            links = [Link(datastore.id, item, place, target, LOOKUP_LINK)]
            if field.settings.link_back:
                links.append(Link(place, target, datastore.id, item, LOOKUP_LINK))
            found.update((one.key, one) for one in links)
    return found
