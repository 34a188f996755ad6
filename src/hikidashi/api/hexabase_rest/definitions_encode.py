"""Definitions as the Hexabase pages show them: fields, statuses, actions, places."""

from __future__ import annotations

from typing import Any, Final

from ...core.actions import ANY_RULE, Action, Operation, Status
from ...core.catalog import Catalog, Datastore, Field, Project
from ...core.computed import shown_formula
from ...core.values import format_instant, format_number
from ...service.shown import localized
from ..edge import HttpRequest

CRUD_TYPES: Final = {
    Operation.NEW: "1",
    Operation.UPDATE: "2",
    Operation.DELETE: "3",
    Operation.COPY: "4",
}
_LANGUAGES: Final = ("en", "ja")
_BOOLEAN_OPTIONS: Final = (("true", {"en": "true"}), ("false", {"en": "false"}))


def language_of(request: HttpRequest) -> str:
    """The language that the client likes best of those we have; English if it does not say."""
    accepted = request.headers.get("accept-language")
    if not accepted:
        return "en"
    best, weight = "en", 0.0
    for part in accepted.split(","):
        name, _, rest = part.partition(";")
        language = name.strip().lower().partition("-")[0]
        if language not in _LANGUAGES:
            continue
        try:
            given = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            continue
        if given > weight:
            best, weight = language, given
    return best


def data_type(field: Field) -> str:
    """The word for a field's kind. A boolean, which is ours, is shown as a choice of two."""
    return "select" if field.kind.name == "boolean" else field.kind.name


# --- places -----------------------------------------------------------------------------------


def encode_application(project: Project, datastores: list[Datastore], language: str) -> Any:
    """One entry of GetApplicationsAndDatastores; `application_id` is the internal id there."""
    return {
        "application_id": project.id,
        "name": localized(project.names, language),
        "display_id": project.display_id,
        "datastores": [
            {
                "datastore_id": one.id,
                "name": localized(one.names, language),
                "display_id": one.display_id,
            }
            for one in datastores
        ],
    }


def encode_datastore(datastore: Datastore, language: str) -> Any:
    """One entry of GetDatastores."""
    return {
        "datastore_id": datastore.id,
        "name": localized(datastore.names, language),
        "display_id": datastore.display_id,
        "deleted": False,
        "imported": False,
        "uploading": False,
    }


def encode_status(status: Status, at: int, language: str) -> Any:
    """One entry of GetStatuses."""
    return {
        "display_id": status.display_id,
        "name": show_names(status.names),
        "displayed_name": localized(status.names, language),
        "status_id": status.id,
        "sort_id": at,
        "x": 0,
        "y": 0,
    }


# --- fields -----------------------------------------------------------------------------------


def encode_field(field: Field, at: int, language: str, catalog: Catalog) -> dict[str, Any]:
    """A field of GetDatastoreFields and GetInputFields."""
    told: dict[str, Any] = {
        "field_id": field.id,
        "name": localized(field.names, language),
        "display_id": field.display_id,
        "dataType": data_type(field),
        "search": field.search,
        "show_list": field.show_list,
        "as_title": field.as_title,
        "status": field.kind.name == "status",
        "fieldIndex": at,
        "title_order": field.title_order,
        "full_text": field.full_text,
        "unique": field.unique,
        "min_value": show_bound(field, field.settings.min_value),
        "max_value": show_bound(field, field.settings.max_value),
    }
    options = [
        {
            "option_id": option,
            "sort_id": place,
            "value": localized(label, language),
            "enabled": enabled,
            "display_id": display_id,
        }
        for place, (option, display_id, label, enabled, _) in enumerate(encode_options(field))
    ]
    if options:
        told["options"] = options
    if field.settings.selected:
        told["selected"] = field.settings.selected
    return told | encode_info(field, catalog)


def encode_layout(field: Field) -> Any:
    """An entry of `field_layout`."""
    col, row, size_x, size_y = field.layout
    return {"field_id": field.id, "sizeX": size_x, "sizeY": size_y, "col": col, "row": row}


def encode_row_field(field: Field, at: int, language: str, catalog: Catalog) -> dict[str, Any]:
    """A field as it stands beside rows (GetLinkedItems, ItemList with `include_fields_data`)."""
    return {
        "as_title": field.as_title,
        "dataType": data_type(field),
        "display_id": field.display_id,
        "f_id": field.id,
        "id": field.id,
        "fieldIndex": at,
        "full_text": field.full_text,
        "hideOnInput": field.hide_on_input,
        "name": localized(field.names, language),
        "names": show_names(field.names),
        "search": field.search,
        "show_list": field.show_list,
        "status": field.kind.name == "status",
        "title_order": field.title_order,
        "unique": field.unique,
    } | encode_info(field, catalog)


def encode_field_settings(
    field: Field, datastore: Datastore, project: Project, catalog: Catalog, *, options: bool
) -> dict[str, Any]:
    """GetFieldSettings."""
    told: dict[str, Any] = {
        "workspace_id": datastore.workspace,
        "project_id": datastore.project,
        "datastore_id": datastore.id,
        "field_id": field.id,
        "name": show_names(field.names),
        "display_id": field.display_id,
        "dataType": data_type(field),
        "search": field.search,
        "show_list": field.show_list,
        "as_title": field.as_title,
        "status": field.kind.name == "status",
        "full_text": field.full_text,
        "unique": field.unique,
        "hideOnInput": field.hide_on_input,
        "hide_from_api": field.hide_from_api,
        "has_index": field.has_index,
        "roles": encode_roles(project, can_use=field.roles),
    }
    if field.settings.min_value is not None:
        told["min_value"] = show_bound(field, field.settings.min_value)
    if field.settings.max_value is not None:
        told["max_value"] = show_bound(field, field.settings.max_value)
    if options:
        told["options"] = [
            {
                "_id": option,
                "o_id": option,
                "d_id": datastore.id,
                "display_id": display_id,
                "value": show_names(label),
                "enabled": enabled,
                "selected": option == field.settings.selected,
                "sort_id": place,
                "color": color,
            }
            for place, (option, display_id, label, enabled, color) in enumerate(
                encode_options(field)
            )
        ]
    look = field.settings
    if field.kind.name == "number" and (look.prefix or look.extra):
        told["num_info"] = {
            "prefix": look.prefix,
            "suffix": look.extra.get("suffix", ""),
            "no_comma": look.extra.get("no_comma", False),
        }
    return told | encode_info(field, catalog)


def encode_roles(project: Project, **rights: frozenset[str]) -> list[dict[str, Any]]:
    """The roles of a project; a right by name, with the ids of those that have it."""
    return [
        {
            "role_id": role.id,
            "display_id": role.display_id,
            "name": localized(role.names, "en"),
            "type": "admin" if role.may_design else "member",
            "project_id": project.id,
        }
        | {right: role.id in holders for right, holders in rights.items()}
        for role in project.roles
    ]


def encode_options(field: Field) -> list[tuple[str, str, Any, bool, str]]:
    """Id, display id, label, enabled, colour of each choice of a field."""
    if field.kind.name == "boolean":
        return [(word, word, label, True, "") for word, label in _BOOLEAN_OPTIONS]
    return [
        (one.id, one.display_id, one.label, one.enabled, one.color)
        for one in field.settings.options
    ]


def show_bound(field: Field, value: float | None) -> str:
    """The least or greatest value of a field as text."""
    if value is None:
        return ""
    if field.kind.name == "number":
        return str(format_number(value))
    return format_instant(int(value))


def encode_info(field: Field, catalog: Catalog) -> dict[str, Any]:
    """What one kind alone has to tell."""
    settings = field.settings
    match field.kind.name:
        case "dslookup":
            target = catalog.find_datastore(settings.lookup_datastore)
            info = {
                "dslookup_project_id": target.project if target else "",
                "dslookup_datastore_id": settings.lookup_datastore,
                "dslookup_field_id": settings.lookup_field,
            }
            return {"dslookup_info": info}
        case "autonum":
            info_number = {
                "prefix": settings.prefix,
                "digit": settings.digits,
                "zero_padding": settings.zero_padding,
            }
            return {"autonum_info": info_number}
        case "calc":
            return {
                "calc_info": {"formula": shown_formula(field, catalog), "result": settings.result}
            }
        case "users":
            return {"users_info": {"single_select": settings.single}}
        case _:
            return {}


def show_names(names: Any) -> dict[str, str]:
    """Both languages, each with what is shown where its own name is missing."""
    return {language: localized(names, language) for language in _LANGUAGES}


# --- actions ----------------------------------------------------------------------------------


def encode_action(action: Action, datastore: Datastore, language: str) -> dict[str, Any]:
    """One entry of GetActions."""
    told: dict[str, Any] = {
        "workspace_id": datastore.workspace,
        "project_id": datastore.project,
        "datastore_id": datastore.id,
        "action_id": action.id,
        "is_status_action": action.is_status_action,
        "display_id": action.display_id,
        "operation": action.operation.value,
        "set_status": action.next_status,
        "name": localized(action.names, language),
    }
    if action.status:
        told["status_id"] = action.status
    return told


def encode_new_action(action: Action, at: int, language: str) -> dict[str, Any]:
    """One entry of GetNewActions."""
    return {
        "action_id": action.id,
        "name": localized(action.names, language),
        "display_id": action.display_id,
        "display_order": at,
        "crud_type": CRUD_TYPES[action.operation],
        "next_status_id": action.next_status,
    }


def encode_update_action(action: Action, at: int, language: str) -> dict[str, Any]:
    """One entry of GetUpdateActions."""
    return {
        "action_id": action.id,
        "name": localized(action.names, language),
        "display_id": action.display_id,
        "display_order": at,
        "description": action.description,
        "crud_type": CRUD_TYPES[action.operation],
    }


def encode_input_fields(
    action: Action, datastore: Datastore, fields: list[Field], language: str, catalog: Catalog
) -> dict[str, Any]:
    """GetInputFields: the action, the fields, and what it does with each."""
    settings = {}
    for field in fields:
        rule = action.rules.get(field.id, ANY_RULE)
        settings[field.id] = {
            "action_id": action.id if field.id in action.rules else "",
            "field_id": field.id,
            "show": rule.show,
            "update": rule.update,
            "mandatory": rule.mandatory,
        }
    return {
        "action": {
            "action_id": action.id,
            "display_order": datastore.actions.index(action),
            "description": action.description,
            "crud_type": CRUD_TYPES[action.operation],
            "next_status_id": action.next_status,
        },
        "action_fields": {
            field.id: encode_field(field, at, language, catalog) for at, field in enumerate(fields)
        },
        "action_field_settings": settings,
    }
