"""The OpenAPI document, made from the tables of calls and the structs that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from .. import __version__
from .exchange import Call, QueryKey

_PARAM = re.compile(r":([A-Za-z][\w-]*)")
_HOTTASK = "HotTask tables"
_REF = "#/components/schemas/{name}"
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "token": [{"token": []}],
    "hottask": [{"customauth": []}, {"key": []}, {"token": []}],
    "none": [],
}
_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "What login answers, or a token made with `hikidashi token create`.",
    },
    "customauth": {
        "type": "apiKey",
        "in": "header",
        "name": "customauth",
        "description": "The secret key of a project.",
    },
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The secret key of a project, without a scheme.",
    },
}
_FAULT = {
    "type": "object",
    "description": "Hexabase errors have several shapes; these keys are in most of them.",
    "properties": {
        "error": {"description": "One sentence, or a list of faults."},
        "error_code": {"type": "string"},
        "description": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_STATUSES = {
    "400": "The request or a value in it is wrong; nothing was written.",
    "401": "No token, or one that does not hold.",
    "403": "The caller may not do this.",
    "404": "Not there, or not there for the caller.",
}


def make_openapi(calls: Iterable[Call]) -> dict[str, Any]:
    """The document, as JSON values."""
    listed = list(calls)
    types = [one for call in listed for one in (call.body, call.answer) if one is not None]
    kept = list({_key(one): one for one in types}.values())
    schemas, components = msgspec.json.schema_components(kept, ref_template=_REF)
    shapes = {_key(one): shape for one, shape in zip(kept, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for call in listed:
        path = _PARAM.sub(r"{\1}", call.path)
        paths.setdefault(path, {})[call.method.lower()] = _operation(call, shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hikidashi",
            "version": __version__,
            "description": "Workspaces hold applications, applications hold datastores, datastores"
            " hold items; items change through actions.",
        },
        "paths": paths,
        "components": {
            "schemas": {**components, "Fault": _FAULT},
            "securitySchemes": _SCHEMES,
        },
    }


def _key(type_: Any) -> str:
    return repr(type_)


def _operation(call: Call, shapes: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary or call.name,
        "tags": [_tag(call)],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAM.findall(call.path)
        ]
        + [_query_parameter(one) for one in call.query],
        "responses": _responses(call, shapes),
        "security": _SECURITY[call.auth],
    }
    if call.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {call.body_type: _content(call, shapes)},
        }
    return operation


def _content(call: Call, shapes: dict[str, Any]) -> dict[str, Any]:
    """What a body is made of; bytes as they are have no schema."""
    return {} if call.body is bytes else {"schema": shapes[_key(call.body)]}


def _query_parameter(key: QueryKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "in": "query",
        "required": False,
        "description": key.sentence,
        "schema": {"type": key.type},
    }


def _tag(call: Call) -> str:
    """The dialect's name, and in a dialect of many calls the first fixed word of the path."""
    if call.path.startswith("/api/v0/"):
        return f"Hexabase v0: {call.path.removeprefix('/api/v0/').partition('/')[0]}"
    if "/CustomTable" in call.path:
        return _HOTTASK
    return "Hikidashi"


def _responses(call: Call, shapes: dict[str, Any]) -> dict[str, Any]:
    schema = {} if call.answer is None else shapes[_key(call.answer)]
    fine: dict[str, Any] = {"description": "Done."}
    if call.is_json:
        fine["content"] = {"application/json": {"schema": schema}}
    if _tag(call) == _HOTTASK:
        if call.is_json:
            fine["description"] = "Done, or refused: then Success is false and Code says why."
        return {"200": fine}
    fault = {"application/json": {"schema": {"$ref": _REF.format(name="Fault")}}}
    refused = {
        status: {"description": words, "content": fault}
        for status, words in _STATUSES.items()
        if call.auth == "token" or status == "400"
    }
    return {"200": fine, **refused}
