"""Links as rules want them: what an item is to be linked to, as steps of a plan. Pure.

Rules look at all items, whoever acts; what they link is shown to who may see both ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .access import Actor
from .catalog import Catalog
from .commands import RuleRequest
from .ids import IdSource
from .items import Item, Link, Snapshot, SnapshotMissError
from .limits import RULE_PAIRS_MAX
from .plan import DeleteLink, EmitEvent, InsertLink, RuleResult, Step, WritePlan
from .record import record
from .relations import Question, Rule
from .touches import Touches
from .values import Value
from .write_planner import links_changed

_End = tuple[str, str]  # datastore and id of an item


@record
class Followed:
    """What came of following the rules of an item. What is linked from the item itself has no event
    yet; what is linked from others has."""

    steps: tuple[Step, ...]
    added: tuple[_End, ...]
    removed: tuple[_End, ...]
    count: int
    has_more: bool  # of what there is to do


_NOTHING = Followed((), (), (), 0, has_more=False)


@record
class Writer:
    """Who brings links about, when and under which ids."""

    actor: Actor
    now: int
    ids: IdSource
    transaction: str


def _find(
    item: Item, rules: tuple[Rule, ...], snapshot: Snapshot
) -> tuple[Sequence[Link], Sequence[Link]]:
    """What is lacking and what is stale of an item's links. An item that this plan makes is asked
    about without its id, which is another one each time that it is planned."""
    is_new = snapshot.is_made_here(item.id)
    found = snapshot.find_differences(_ask(item, "" if is_new else item.id, rules))
    if not is_new:
        return found.lacking, found.stale
    return [_named(one, item.id) for one in found.lacking], ()


def _named(link: Link, item: str) -> Link:
    return replace(link, from_item=link.from_item or item, to_item=link.to_item or item)


def _ask(item: Item, id_: str, rules: tuple[Rule, ...]) -> Question:
    """The question about an item as it will be."""
    fields = {one.field for one in rules if one.source == item.datastore}
    fields |= {one.equals for one in rules if one.target == item.datastore}
    keys = tuple((one, item.values.get(one)) for one in sorted(fields))
    return Question(item.datastore, id_, rules, keys)


def _rule_matches(
    link: Link, rules: tuple[Rule, ...], values: Mapping[str, Value], others: Mapping[str, Value]
) -> bool:
    """Whether a rule asks for a link between two items that hold these values."""
    return any(
        one.source == link.from_datastore
        and one.target == link.to_datastore
        and values.get(one.field) is not None
        and values.get(one.field) == others.get(one.equals)
        for one in rules
    )


def follow_rules(item: Item, catalog: Catalog, snapshot: Snapshot, writer: Writer) -> Followed:
    """Link an item, as the snapshot has it, to what its rules say, and others to it.

    Raises SnapshotMissError until all that is looked at is read.
    """
    rules = catalog.rules_of(item.datastore)
    if not rules:
        return _NOTHING
    lacking, stale = _find(item, rules, snapshot)
    has_more = len(lacking) + len(stale) > RULE_PAIRS_MAX
    lacking = lacking[:RULE_PAIRS_MAX]
    stale = stale[: RULE_PAIRS_MAX - len(lacking)]
    _read_ends(snapshot, [*[_other(one, item) for one in lacking], *_sources(stale, item)])
    gone = [one for one in stale if _is_stale(one, item, rules, snapshot)]
    made = [one for one in lacking if _is_lacking(one, item, rules, snapshot)]
    steps: list[Step] = []
    changes: dict[_End, tuple[list[_End], list[_End]]] = {}
    for link in gone:
        snapshot.drop_link(link)
        steps.append(DeleteLink(link))
        _of(changes, link)[1].append((link.to_datastore, link.to_item))
    for link in made:
        snapshot.put_link(link)
        steps.append(InsertLink(link))
        _of(changes, link)[0].append((link.to_datastore, link.to_item))
    added, removed = changes.pop((item.datastore, item.id), ([], []))
    for (datastore, other), ends in changes.items():
        source = snapshot.find_item(datastore, other)
        if source is not None:
            steps += tell_links(source, ends, catalog, snapshot, writer)
    count = len(gone) + len(made)
    return Followed(tuple(steps), tuple(added), tuple(removed), count, has_more)


def _other(link: Link, item: Item) -> _End:
    if link.from_item == item.id:
        return (link.to_datastore, link.to_item)
    return (link.from_datastore, link.from_item)


def _sources(links: Iterable[Link], item: Item) -> list[_End]:
    """Where links come from that lead to the item: they are told of it."""
    return [(one.from_datastore, one.from_item) for one in links if one.from_item != item.id]


def _read_ends(snapshot: Snapshot, ends: Sequence[_End]) -> None:
    miss = Touches()
    for datastore, item in ends:
        if (datastore, item) not in snapshot.items:
            miss.item(datastore, item)
    if miss.items:  # all at once: each miss costs a read
        raise SnapshotMissError(miss)


def _is_lacking(link: Link, item: Item, rules: tuple[Rule, ...], snapshot: Snapshot) -> bool:
    """Whether it is still to be made, by what writes before this one have left."""
    other = snapshot.find_item(*_other(link, item))
    if other is None or not other.keys:  # gone, or of an import that is not there yet
        return False
    return snapshot.links.get(link.key) is None and _matches(link, item, other, rules)


def _is_stale(link: Link, item: Item, rules: tuple[Rule, ...], snapshot: Snapshot) -> bool:
    if link.key in snapshot.links and snapshot.links[link.key] is None:
        return False
    other = snapshot.items.get(_other(link, item))
    return other is None or not _matches(link, item, other, rules)


def _matches(link: Link, item: Item, other: Item, rules: tuple[Rule, ...]) -> bool:
    source, target = (item, other) if link.from_item == item.id else (other, item)
    return _rule_matches(link, rules, source.values, target.values)


def _of(
    changes: dict[_End, tuple[list[_End], list[_End]]], link: Link
) -> tuple[list[_End], list[_End]]:
    return changes.setdefault((link.from_datastore, link.from_item), ([], []))


def tell_links(
    item: Item,
    ends: tuple[Sequence[_End], Sequence[_End]],
    catalog: Catalog,
    snapshot: Snapshot,
    writer: Writer,
) -> list[Step]:
    """The event of an item whose links were made and removed; there is no history entry."""
    datastore = catalog.find_datastore(item.datastore)
    project = datastore.project if datastore is not None else ""
    ids = (writer.ids.next_id(), writer.transaction)
    step, event = links_changed(item, writer.actor, writer.now, ids, project)
    snapshot.put_item(item.datastore, item.id, step.item)
    told = replace(event, links_added=tuple(ends[0]), links_removed=tuple(ends[1]))
    return [step, EmitEvent(told)]


def plan_rule_links(  # noqa: PLR0913  everything a plan depends on, and nothing else
    request: RuleRequest,
    snapshot: Snapshot,
    actor: Actor,
    catalog: Catalog,
    now: int,
    ids: IdSource,
) -> WritePlan:
    """Bring the links of one item in line with the rules; nothing to do is no fault."""
    item = snapshot.find_item(request.datastore.id, request.command.item)
    if item is None or not item.keys:
        return WritePlan((), RuleResult(0, has_more=False))
    actor = replace(actor, user=request.command.user)
    writer = Writer(actor, now, ids, ids.next_id())
    found = follow_rules(item, catalog, snapshot, writer)
    steps = list(found.steps)
    if found.added or found.removed:
        ends = (found.added, found.removed)
        steps += tell_links(item, ends, catalog, snapshot, writer)
    return WritePlan(tuple(steps), RuleResult(found.count, has_more=found.has_more))
