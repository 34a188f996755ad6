"""What follows from an item's values: its calc fields, each after those it needs, and its title."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from weakref import WeakKeyDictionary

from .catalog import Catalog, Datastore, Field
from .errors import InvalidValueError
from .formula import (
    Compute,
    FormulaError,
    Node,
    Operand,
    Reference,
    Run,
    TooMuchWorkError,
    Type,
    check_result,
    compile_formula,
    parse,
    references,
    rewrite,
    walk,
)
from .items import Item
from .limits import FORMULA_WORK_MAX, FORMULAS_NODES_MAX
from .record import record
from .values import Value

FindItem = Callable[[Sequence[tuple[str, str]]], Mapping[tuple[str, str], Item | None]]


def make_title(datastore: Datastore, held: Mapping[str, Value]) -> str:
    """The title fields' texts, in title order, joined by a space."""
    fields = datastore.title_fields
    if len(fields) == 1:
        return fields[0].kind.text(held.get(fields[0].id), fields[0].settings)
    texts = (field.kind.text(held.get(field.id), field.settings) for field in fields)
    return " ".join(text for text in texts if text)


# --- what formulas name -----------------------------------------------------------------------


@record
class _Source:
    """What a name in a formula stands for."""

    type: Type
    field: Field | None  # None: the title
    datastore: Datastore  # that the field is of
    through: Field | None = None  # the lookup that leads there; None: the item's own


def _find_source(reference: Reference, datastore: Datastore, catalog: Catalog) -> _Source:
    """Raises FormulaError if there is no such thing, or none that a formula can read."""
    first = _find_field(reference.path[0], datastore, reference)
    if first.kind.refers_to != "item":
        if len(reference.path) > 1:
            raise FormulaError(reference.at, f"{first.display_id} looks up no item")
        return _Source(_type(first, reference), first, datastore)
    target = catalog.find_datastore(first.settings.lookup_datastore)
    if target is None:
        raise FormulaError(reference.at, f"{first.display_id} looks up no datastore yet")
    if len(reference.path) == 1:
        return _Source("text", None, target, first)
    field = _find_field(reference.path[1], target, reference)
    if field.kind.refers_to == "item":
        reason = f"{field.display_id} is a lookup itself; a formula follows one"
        raise FormulaError(reference.at, reason)
    return _Source(_type(field, reference), field, target, first)


def _find_field(name: str, datastore: Datastore, reference: Reference) -> Field:
    field = datastore.find_field(name)
    if field is None:
        where = "" if name == reference.path[0] else f" in {datastore.display_id}"
        raise FormulaError(reference.at, f"there is no field {name[:128]}{where}")
    return field


def _type(field: Field, reference: Reference) -> Type:
    if field.kind.name == "status":
        return "text"
    operand = field.value_kind.operand
    if operand == "":
        reason = f"{field.display_id} is a {field.kind.name} field, which no formula can read"
        raise FormulaError(reference.at, reason)
    return operand


def shown_formula(field: Field, catalog: Catalog) -> str:
    """A formula with display ids for the ids that it is kept with."""
    formula = field.settings.formula
    if not formula:
        return ""
    names = _names(field, catalog)
    return rewrite(formula, lambda one: tuple(names.get(name, name) for name in one.path))


def _names(field: Field, catalog: Catalog) -> dict[str, str]:
    """The display ids of the fields of its datastore, and of those that this looks up."""
    names: dict[str, str] = {}
    for project in catalog.projects:
        for datastore in project.datastores:
            if datastore.find_field(field.id) is not None:
                targets = [
                    catalog.find_datastore(one.settings.lookup_datastore)
                    for one in datastore.followed_fields
                ]
                for one in (datastore, *targets):
                    names.update(
                        (known.id, known.display_id) for known in (one.fields if one else ())
                    )
    return names


# --- at design time ---------------------------------------------------------------------------


def find_formula_problems(
    datastore: Datastore, catalog: Catalog, texts: Mapping[str, str]
) -> list[tuple[Field, str]]:
    """What is wrong with the formulas of a datastore, each beside its field.

    `texts` holds, by field id, formulas as their author wrote them, for the places told.
    """
    problems: list[tuple[Field, str]] = []
    trees: dict[str, Node] = {}
    for field in datastore.calc_fields:
        try:
            tree = parse(texts.get(field.id, field.settings.formula) or "null")
            check_result(
                tree,
                lambda reference: _find_source(reference, datastore, catalog).type,
                field.settings.result,
            )
        except FormulaError as error:
            problems.append((field, f"has a formula that can't work: {error}"))
        else:
            trees[field.id] = tree
    order, circle = _order(datastore, trees)
    if circle:
        names = " -> ".join(one.display_id for one in circle)
        problems.append((circle[0], f"has a formula that needs its own value: {names}"))
    nodes = sum(1 for one in order for _ in walk(trees[one.id]))
    if nodes > FORMULAS_NODES_MAX:
        reason = (
            f"has a formula too many: with it they have {nodes} parts in {datastore.display_id}"
        )
        problems.append((order[-1], f"{reason}, at most {FORMULAS_NODES_MAX} are allowed"))
    return problems


def _order(datastore: Datastore, trees: Mapping[str, Node]) -> tuple[list[Field], list[Field]]:
    """The calc fields, each after those that it needs; or a circle of them."""
    fields = {one.id: one for one in datastore.calc_fields if one.id in trees}
    needs: dict[str, list[str]] = {}
    for key in fields:
        named = [datastore.find_field(one.path[0]) for one in references(trees[key])]
        needs[key] = [one.id for one in named if one is not None and one.id in fields]
    try:
        return [fields[key] for key in TopologicalSorter(needs).static_order()], []
    except CycleError as error:
        return [], [fields[key] for key in reversed(error.args[1])]


# --- computing --------------------------------------------------------------------------------


class _ItemRun(Run):
    """The formulas of one item, one after the other."""

    __slots__ = ("found", "status", "values")

    def __init__(
        self,
        now: int,
        values: dict[str, Value],
        status: str,
        found: Mapping[str, Item | None],
    ) -> None:
        super().__init__(now, FORMULA_WORK_MAX)
        self.values = values  # by field id; results are added
        self.status = status  # id
        self.found = found  # by lookup field


class CalcPlan:
    """How the calc fields of a datastore are computed, under one catalogue."""

    def __init__(self, datastore: Datastore, catalog: Catalog) -> None:
        self._followed = tuple(
            (one.id, one.settings.lookup_datastore) for one in datastore.followed_fields
        )
        trees = {}
        for field in datastore.calc_fields:
            try:
                trees[field.id] = parse(field.settings.formula or "null")
            except FormulaError:  # definitions were not checked: the field stays empty
                continue
        steps: list[tuple[Field, Compute]] = []
        for field in _order(datastore, trees)[0]:
            try:
                steps.append(
                    (field, compile_formula(trees[field.id], _Readers(datastore, catalog)))
                )
            except FormulaError:
                continue
        computed = {field.id for field, _ in steps}
        self._steps = tuple(steps)
        self._empty = dict.fromkeys(
            [one.id for one in datastore.calc_fields if one.id not in computed]
        )

    def looked_up(self, values: Mapping[str, Value]) -> dict[str, tuple[str, str]]:
        """By lookup field, the datastore and item that formulas read for an item of such values."""
        return {
            field: (datastore, str(values[field]))
            for field, datastore in self._followed
            if values.get(field)
        }

    def compute(
        self, values: Mapping[str, Value], status: str, now: int, find_items: FindItem
    ) -> dict[str, Value]:
        """The values of all calc fields. `find_items` gives the items that are looked up."""
        wanted = self.looked_up(values)
        items = find_items(list(wanted.values())) if wanted else {}
        found = {field: items.get(place) for field, place in wanted.items()}
        run = _ItemRun(now, dict(values), status, found)
        results: dict[str, Value] = dict(self._empty)
        for field, compute in self._steps:
            try:
                operand = compute(run)
            except TooMuchWorkError:
                operand = None
            results[field.id] = run.values[field.id] = _value(operand, field)
        return results


def _value(operand: Operand, field: Field) -> Value:
    """What is kept of a result; one that its kind can't hold is empty."""
    try:
        match operand:
            case None | bool():
                return operand
            case int():
                return operand
            case str():
                return field.value_kind.parse(operand, field.settings)
            case _:
                return field.value_kind.parse(float(operand), field.settings)
    except (InvalidValueError, OverflowError):
        return None


class _Readers:
    """Makes the readers of what formulas name."""

    def __init__(self, datastore: Datastore, catalog: Catalog) -> None:
        self._datastore = datastore
        self._catalog = catalog

    def __call__(self, reference: Reference) -> Compute:
        """Raises FormulaError."""
        source = _find_source(reference, self._datastore, self._catalog)
        field, lookup = source.field, source.through
        if field is None:
            return _title_reader(lookup.id if lookup else "")
        if field.kind.name == "status":
            names = {one.id: one.display_id for one in source.datastore.statuses}
            if lookup is None:
                return lambda run: names.get(run.status)
            return _through(lookup.id, lambda item: names.get(item.status))
        key, convert, settings = field.id, field.value_kind.to_operand, field.settings
        if lookup is None:
            return lambda run: convert(run.values.get(key), settings)
        return _through(lookup.id, lambda item: convert(item.values.get(key), settings))


def _title_reader(lookup: str) -> Compute:
    return _through(lookup, lambda item: item.title or None)


def _through(lookup: str, read: Callable[[Item], Operand]) -> Compute:
    def compute(run: _ItemRun) -> Operand:
        item = run.found.get(lookup)
        return None if item is None else read(item)

    return compute


_plans: WeakKeyDictionary[Datastore, CalcPlan] = WeakKeyDictionary()


def calc_plan(datastore: Datastore, catalog: Catalog) -> CalcPlan:
    """How calc fields are computed; made once for each catalogue number."""
    plan = _plans.get(datastore)
    if plan is None:
        plan = _plans[datastore] = CalcPlan(datastore, catalog)
    return plan


# --- when definitions change ------------------------------------------------------------------


def outline(datastore: Datastore, catalog: Catalog) -> tuple[object, ...]:
    """All of the definitions that calc fields and titles follow from.

    Where it differs, the items that are there have to be computed anew.
    """
    titles = [(one.id, _labels(one)) for one in datastore.title_fields]
    formulas: list[tuple[object, ...]] = []
    for field in datastore.calc_fields:
        settings = field.settings
        formulas.append((field.id, settings.formula, settings.result, settings.indexed))
        try:
            named = references(parse(settings.formula or "null"))
            sources = [_find_source(one, datastore, catalog) for one in named]
        except FormulaError:
            continue
        formulas.extend(
            (
                source.through.id if source.through else "",
                source.datastore.id,
                source.field.id if source.field else "",
                source.type,
                _labels(source.field) if source.field else (),
            )
            for source in sources
        )
    statuses = [(one.id, one.display_id) for one in datastore.statuses] if formulas else []
    return (titles, formulas, statuses)


def _labels(field: Field) -> list[tuple[str, str, str]]:
    """How the options of a field are called, by titles and by formulas."""
    options = field.settings.options
    return [(one.id, one.display_id, field.kind.text(one.id, field.settings)) for one in options]


def order_datastores(datastores: Sequence[Datastore]) -> list[Datastore]:
    """Datastores after those that their formulas look into, as far as there is such an order."""
    known = {one.id: one for one in datastores}
    order: dict[str, Datastore] = {}
    waiting = list(datastores)
    while waiting:
        ready = [
            one
            for one in waiting
            if all(
                target == one.id or target not in known or target in order
                for target in (field.settings.lookup_datastore for field in one.followed_fields)
            )
        ]
        ready = ready or waiting[:1]  # they look into each other
        order.update((one.id, one) for one in ready)
        waiting = [one for one in waiting if one.id not in order]
    return list(order.values())
