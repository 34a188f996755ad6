"""Formulas of a schema file: the fields that they name by display id are kept by id.

So a field may get another display id, and the formulas that read it go on.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ...core.formula import FormulaError, Reference, rewrite
from ...storage.definition_bodies import Definition, FieldBody
from .index import Index
from .matching import Match, Matching


def bind_formulas(
    matching: Matching, before: Mapping[str, Definition], index: Index
) -> dict[str, str]:
    """Put ids into the formulas that the file gives; tells where one names what is not there.

    Gives the formulas of all calc fields as their authors know them, by field id.
    """
    bodies = {key: one.body for key, one in before.items() if key not in matching.dropped}
    bodies |= {one.id: one.after.body for one in matching.matches if one.after is not None}
    texts: dict[str, str] = {}
    for key, body in bodies.items():
        if isinstance(body, FieldBody) and body.formula:
            texts[key] = _display(body.formula, before, index)
    for match in matching.matches:
        after = match.after
        is_given = any(form.name == "formula" for form, _ in match.node.given)
        if after is None or not isinstance(after.body, FieldBody) or not is_given:
            continue
        formula, text = "", after.body.formula
        if text:
            try:
                formula = rewrite(text, _Namer(match, bodies, index))
            except FormulaError as error:
                match.node.section.fail(f"can't work: {error}", "formula")
        texts[match.id] = text if formula else ""
        body = msgspec.structs.replace(after.body, formula=formula)
        match.after = Definition(after.id, after.parent, after.display_id, after.position, body)
    return texts


class _Namer:
    """Finds the ids of the fields that a formula of one field names."""

    def __init__(self, match: Match, bodies: Mapping[str, object], index: Index) -> None:
        self._match = match
        self._bodies = bodies
        self._index = index

    def __call__(self, reference: Reference) -> tuple[str, ...]:
        """Raises FormulaError."""
        datastore, found = self._match.parent, list[str]()
        for name in reference.path:
            id_ = self._index.find("field", datastore, name)
            if id_ is None:
                where = f" in {self._index.display(datastore)}" if found else ""
                raise FormulaError(reference.at, f"there is no field {name[:128]}{where}")
            found.append(id_)
            body = self._bodies.get(id_)
            datastore = body.lookup_datastore if isinstance(body, FieldBody) else ""
            if len(found) < len(reference.path) and not datastore:
                raise FormulaError(reference.at, f"{name[:128]} looks up no item")
        return tuple(found)


def _display(formula: str, before: Mapping[str, Definition], index: Index) -> str:
    """A formula with display ids; those that fields had, if they are gone."""

    def rename(reference: Reference) -> tuple[str, ...]:
        known = (
            before[one].display_id
            if one in before and not index.parent(one)
            else index.display(one)
            for one in reference.path
        )
        return tuple(known)

    try:
        return rewrite(formula, rename)
    except FormulaError:
        return formula
