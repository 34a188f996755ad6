"""Bodies of the calls that change fields, as their pages name the keys, and what they mean."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ..body import told
from .design_running import Names, RoleGrant, read_names, read_roles, said


class LookupInfo(msgspec.Struct):
    """What a field looks up."""

    dslookup_project_id: Annotated[
        str | None, told("The application, if it is another; by id or display id.")
    ] = None
    dslookup_datastore_id: Annotated[str | None, told("The datastore, by id or display id.")] = None
    dslookup_field_id: Annotated[
        str | None, told("The field of it that is shown, by id or display id.")
    ] = None


class AutonumInfo(msgspec.Struct):
    """How auto numbers look."""

    prefix: Annotated[str | None, told("What stands before the digits.")] = None
    digit: Annotated[int | None, told("How many digits padding makes.")] = None
    zero_padding: Annotated[bool | None, told("Whether zeros fill up the digits.")] = None


class NumInfo(msgspec.Struct):
    """How numbers are shown."""

    prefix: Annotated[str | None, told("What stands before the number.")] = None
    suffix: Annotated[str | None, told("What stands behind the number.")] = None
    no_comma: Annotated[bool | None, told("Without separators of thousands.")] = None


class UsersInfo(msgspec.Struct):
    """How many users a field takes."""

    single_select: Annotated[bool | None, told("One at most.")] = None


class CalcInfo(msgspec.Struct):
    """What a calc field computes."""

    formula: Annotated[str | None, told("The formula; it names fields by display id.")] = None
    result: Annotated[
        str | None, told("What it makes: `number`, `text`, `datetime` or `boolean`.")
    ] = None


class FieldLayout(msgspec.Struct):
    """Where a field stands on the form."""

    col: Annotated[int | None, told("Its column.")] = None
    row: Annotated[int | None, told("Its row.")] = None
    sizeX: Annotated[  # noqa: N815  the wire's name
        int | None, told("How many columns it takes.")
    ] = None
    sizeY: Annotated[int | None, told("How many rows it takes.")] = None  # noqa: N815


class FieldBody(msgspec.Struct):
    """The settings of a field; what is absent stays, or is as usual."""

    name: Annotated[str | Names | None, told("Its name, or its names by language.")] = None
    search: Annotated[bool | None, told("Offered to searches.")] = None
    show_list: Annotated[bool | None, told("Shown in lists.")] = None
    as_title: Annotated[bool | None, told("Part of the item's title.")] = None
    title_order: Annotated[int | None, told("Its place among the parts of the title.")] = None
    full_text: Annotated[bool | None, told("Found by the search over all datastores.")] = None
    hideOnInput: Annotated[bool | None, told("Not on input forms.")] = None  # noqa: N815
    hide_from_api: Annotated[bool | None, told("Not in answers of the API.")] = None
    has_index: Annotated[bool | None, told("Found and sorted by an index.")] = None
    publish: Annotated[bool | None, told("Of users: whoever is named may see the item (ours).")] = (
        None
    )
    roles: Annotated[
        list[str | RoleGrant] | None,
        told("Who may use it, the whole list; ADMIN always. Every role if it was never said."),
    ] = None
    min_value: Annotated[
        str | int | float | None, told("The least number or instant; empty for none.")
    ] = None
    max_value: Annotated[
        str | int | float | None, told("The greatest number or instant; empty for none.")
    ] = None
    selected: Annotated[
        str | None, told("Of select and radio: the option that new items get; empty for none.")
    ] = None
    dslookup_info: Annotated[LookupInfo | None, told("Of dslookup: what is looked up.")] = None
    autonum_info: Annotated[AutonumInfo | None, told("Of autonum: how numbers look.")] = None
    num_info: Annotated[NumInfo | None, told("Of number: how values are shown.")] = None
    users_info: Annotated[UsersInfo | None, told("Of users: how many it takes.")] = None
    calc_info: Annotated[CalcInfo | None, told("Of calc: the formula.")] = None
    field_layout: Annotated[FieldLayout | None, told("Its place on the form (ours).")] = None


class OptionBody(msgspec.Struct):
    """An option to be made."""

    name: Annotated[str | Names | None, told("Its label, or its labels by language.")] = None
    value: Annotated[str | Names | None, told("The same, by the other name.")] = None
    display_id: Annotated[str | None, told("A number is given if it is absent.")] = None
    enabled: Annotated[bool | None, told("Whether it may be chosen: yes, unless said.")] = None
    color: Annotated[str | None, told("Its colour (ours).")] = None


class CreateFieldBody(FieldBody, kw_only=True):
    """datastores/CreateField."""

    dataType: Annotated[str, told("The type; it never changes.")]  # noqa: N815
    name: Annotated[str | Names, told("Its name, or its names by language.")]
    display_id: Annotated[str | None, told("`Fld-` and eight characters if it is absent.")] = None
    unique: Annotated[bool | None, told("No two items have the same value.")] = None
    options: Annotated[
        list[OptionBody] | None, told("The options of a select, radio or checkbox (ours).")
    ] = None


class UpdateFieldBody(FieldBody):
    """datastores/UpdateField."""


class PatchFieldBody(FieldBody):
    """The older way to change a field, which also renames it."""

    display_id: Annotated[str | None, told("Another display id (ours).")] = None
    unique: Annotated[bool | None, told("No two items have the same value (ours).")] = None


class ChangedOption(msgspec.Struct):
    """An option to be changed; what is absent stays."""

    o_id: Annotated[str, told("The option, by id or display id.")]
    name: Annotated[str | Names | None, told("Its label, or its labels by language.")] = None
    value: Annotated[str | Names | None, told("The same, by the other name.")] = None
    display_id: Annotated[str | None, told("Another display id.")] = None
    enabled: Annotated[bool | None, told("Whether it may be chosen.")] = None
    sort_id: Annotated[int | None, told("Its place among the others, from 0.")] = None
    color: Annotated[str | None, told("Its colour (ours).")] = None


class CreateOptionsBody(msgspec.Struct):
    """datastores/CreateFieldOptions."""

    options: Annotated[list[OptionBody], told("The new options, in order.")]


class UpdateOptionsBody(msgspec.Struct):
    """datastores/UpdateFieldOptions."""

    options: Annotated[list[ChangedOption], told("The options that change.")]


class DeleteOptionsBody(msgspec.Struct):
    """datastores/DeleteFieldOptions."""

    o_ids: Annotated[list[str], told("The options that go, by id or display id.")]


class CreatedField(msgspec.Struct):
    """The new field."""

    display_id: str
    field_id: str


def field_keys(body: FieldBody) -> dict[str, Any]:
    """What a body says of a field, in the keys of a definition."""
    keys = said(
        search=body.search,
        show_list=body.show_list,
        as_title=body.as_title,
        title_order=body.title_order,
        full_text=body.full_text,
        hide_on_input=body.hideOnInput,
        hide_from_api=body.hide_from_api,
        has_index=body.has_index,
        publish=body.publish,
        selected=body.selected,
        min=body.min_value,
        max=body.max_value,
    )
    keys |= read_names(body.name) | read_roles(body.roles)
    for info in (body.num_info, body.users_info, body.calc_info, body.autonum_info):
        if info is not None:
            keys |= said(**msgspec.structs.asdict(info))
    lookup = body.dslookup_info
    if lookup is not None and lookup.dslookup_datastore_id:
        named = {
            "application": lookup.dslookup_project_id,
            "datastore": lookup.dslookup_datastore_id,
            "field": lookup.dslookup_field_id,
        }
        keys["lookup"] = {key: value for key, value in named.items() if value}
    place = body.field_layout
    if place is not None:
        keys["layout"] = said(col=place.col, row=place.row, width=place.sizeX, height=place.sizeY)
    return keys


def option_keys(body: OptionBody | ChangedOption) -> dict[str, Any]:
    """What a body says of an option."""
    name = body.name if body.name is not None else body.value
    keys = said(display_id=body.display_id or None, enabled=body.enabled, color=body.color)
    return keys | read_names(name)
