"""Calls that change the design, refused: each by its status and envelope, and nothing is changed."""

from __future__ import annotations

import pytest

from hikidashi.core.limits import AUDIT_PAGE_MAX, CHOICES_MAX, LAYOUT_MAX, SCRIPT_BYTES_MAX
from tests.api.design_world import APP, NOBODY, A, D, W, design
from tests.files.papers import BOUNDARY, form

__all__ = ["design"]
FIELD = {"dataType": "text", "name": "Note", "display_id": "NOTE"}
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
SELL = "64d7b36da69d9d279545a003"

# Method, path, a body that would do.
WRITES = [
    ("POST", "/api/v0/applications", {"name": "New"}),
    ("PATCH", APP, {"name": "Other"}),
    ("DELETE", APP, None),
    ("POST", f"{APP}/datastores", {"name": "New"}),
    ("PATCH", D, {"name": "Other"}),
    ("DELETE", D, None),
    ("POST", f"{A}/fields", FIELD),
    ("POST", f"{D}/fields", FIELD),
    ("PUT", f"{A}/fields/NAME", {"name": "Other"}),
    ("PATCH", f"{D}/fields/NAME", {"name": "Other"}),
    ("DELETE", f"{A}/fields/NAME", None),
    ("DELETE", f"{D}/fields/NAME", None),
    ("POST", f"{A}/fields/TYPE/options", {"options": [{"name": "Truck"}]}),
    ("PUT", f"{A}/fields/TYPE/options", {"options": [{"o_id": "van", "name": "Lorry"}]}),
    ("DELETE", f"{A}/fields/TYPE/options", {"o_ids": ["van"]}),
    ("POST", f"{D}/statuses", {"name": "Scrapped"}),
    ("PATCH", f"{D}/statuses/New", {"name": "Other"}),
    ("DELETE", f"{D}/statuses/New", None),
    ("POST", f"{D}/actions", {"operation": "new", "name": "Other"}),
    ("PATCH", f"{D}/actions/Sell", {"name": "Other"}),
    ("DELETE", f"{D}/actions/Sell", None),
]
IDS = [f"{method} {path.partition('v0')[2]}" for method, path, _ in WRITES]


def state(design):
    definitions = "SELECT id, display_id, position, body, deleted_at FROM definitions ORDER BY id"
    return design.rows(definitions), design.rows("SELECT count(*) FROM audit")


@pytest.fixture(autouse=True)
def unchanged(design):
    """Whatever a test sends, nothing comes of it."""
    before = state(design)
    yield
    assert state(design) == before


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=IDS)
def test_who_may_not_design_gets_403(design, method, path, body):
    reply = design.call(method, path, body, user="bob")
    assert reply.status == 403
    assert reply.json["error_code"] == "NO_PRIVILEGES"
    assert set(reply.json) == {"error", "error_code"}


@pytest.mark.parametrize(("method", "path", "body"), WRITES[1:], ids=IDS[1:])
def test_to_who_has_no_role_nothing_is_there(design, method, path, body):
    assert design.call(method, path, body, user="eve").status == 404


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=IDS)
def test_a_dry_run_tells_and_changes_nothing(design, method, path, body):
    if path.endswith("statuses/New") and method == "DELETE":
        return  # an action names it
    reply = design.call(method, f"{path}?dry_run=true", body)
    assert (reply.status, set(reply.json)) == (200, {"plan", "destroys"}), reply.body
    assert bool(reply.json["destroys"]) == (method == "DELETE")
    assert reply.json["plan"]


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=IDS)
@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"name": 1}', b"\xff", b""], ids=repr)
def test_a_body_that_is_none_is_400(design, method, path, body, bad):
    if body is None:
        return
    reply = design.call(method, path, bad)
    assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMS")


def test_what_is_not_there_is_404(design):
    for method, path, body in WRITES[1:]:
        for known in ("FIELDS", "CARS", "64d7b36da69d9d2795450001", "NAME", "TYPE", "New", "Sell"):
            for other in ("NOWHERE", NOBODY):
                if f"/{known}" not in path:
                    continue
                reply = design.call(method, path.replace(f"/{known}", f"/{other}"), body)
                assert (reply.status, path) == (404, path), reply.body
    bodies = (
        ("PUT", f"{A}/fields/TYPE/options", {"options": [{"o_id": NOBODY, "name": "x"}]}),
        ("DELETE", f"{A}/fields/TYPE/options", {"o_ids": ["van", "nothing"]}),
        ("PATCH", D, {"field_layout": [{"id": "nothing"}]}),
        ("POST", "/api/v0/applications", {"name": "x", "workspace_id": NOBODY}),
        ("POST", f"{W}/deleted/{NOBODY}/recover", None),
        ("POST", f"/api/v0/workspaces/{NOBODY}/deleted/{NOBODY}/recover", None),
        ("GET", f"/api/v0/workspaces/{NOBODY}/deleted", None),
        ("GET", f"/api/v0/workspaces/{NOBODY}/audit", None),
        ("GET", f"/api/v0/actions/{SELL}/actionscripts/download?script_type=pre", None),
        ("GET", f"/api/v0/actions/{NOBODY}/actionscripts/download?script_type=pre", None),
    )
    for method, path, body in bodies:
        assert design.call(method, path, body).status == 404, path


BAD = [
    # What a new field may not be, and the words that say so.
    ("POST", f"{A}/fields", FIELD | {"dataType": "texts"}, "dataType: must be one of"),
    ("POST", f"{A}/fields", {"dataType": "text"}, "name"),
    ("POST", f"{A}/fields", FIELD | {"name": ""}, "name must not be empty"),
    ("PUT", f"{A}/fields/NAME", {"name": {"en": "", "ja": ""}}, "name must not be empty"),
    ("POST", f"{A}/fields", FIELD | {"name": "x" * 501}, "en: has 501 characters"),
    ("POST", f"{A}/fields", FIELD | {"display_id": "NAME"}, "display_id: NAME is there already"),
    ("POST", f"{A}/fields", FIELD | {"display_id": "title"}, "display_id: title is reserved"),
    ("POST", f"{A}/fields", FIELD | {"display_id": "a" * 24}, "display_id: looks like"),
    ("POST", f"{A}/fields", FIELD | {"display_id": "a/b"}, "display_id: must be letters"),
    ("POST", f"{A}/fields", FIELD | {"display_id": "x" * 129}, "display_id: has 129 characters"),
    ("POST", f"{A}/fields", FIELD | {"roles": ["NOBODY"]}, "roles: has no role NOBODY"),
    ("POST", f"{A}/fields", FIELD | {"min_value": 3}, "min_value: means nothing for a text"),
    ("POST", f"{A}/fields", FIELD | {"dataType": "file", "unique": True}, "unique: means nothing"),
    ("POST", f"{A}/fields", FIELD | {"dataType": "number", "max_value": "many"}, "max_value: must"),
    ("POST", f"{A}/fields", FIELD | {"dataType": "number", "max_value": "inf"}, "max_value: must"),
    (
        "POST",
        f"{A}/fields",
        FIELD | {"dataType": "number", "min_value": 2, "max_value": 1},
        "a min above its max",
    ),
    (
        "POST",
        f"{A}/fields",
        FIELD | {"dataType": "dslookup", "dslookup_info": {"dslookup_datastore_id": "NONE"}},
        "dslookup_info: has no datastore NONE",
    ),
    (
        "POST",
        f"{A}/fields",
        FIELD | {"dataType": "calc", "calc_info": {"formula": "NONE + 1"}},
        "calc_info.formula: can't work",
    ),
    (
        "POST",
        f"{A}/fields",
        FIELD | {"dataType": "autonum", "autonum_info": {"digit": 31}},
        "autonum_info.digit: must be a whole number from 0 to 30",
    ),
    (
        "POST",
        f"{A}/fields",
        FIELD | {"field_layout": {"col": LAYOUT_MAX + 1}},
        "must be a whole number",
    ),
    ("POST", f"{A}/fields", FIELD | {"search": "yes"}, "$.search"),
    ("POST", f"{A}/fields?dry_run=maybe", FIELD, "dry_run must be true or false"),
    ("PUT", f"{A}/fields/NAME", {"min_value": "1"}, "min_value: means nothing"),
    ("PUT", f"{A}/fields/TYPE", {"selected": "none"}, "selected: has no option none"),
    ("PATCH", f"{D}/fields/NAME", {"display_id": "PRICE"}, "PRICE is the display id of another"),
    # Options.
    ("POST", f"{A}/fields/NAME/options", {"options": [{"name": "x"}]}, "options: means nothing"),
    ("POST", f"{A}/fields/TYPE/options", {"options": [{}]}, "options: each needs a name"),
    (
        "POST",
        f"{A}/fields/TYPE/options",
        {"options": [{"name": "x", "display_id": "van"}]},
        "options: the display_id van is there already",
    ),
    (
        "POST",
        f"{A}/fields/TYPE/options",
        {"options": [{"name": str(at)} for at in range(CHOICES_MAX - 1)]},
        f"has {CHOICES_MAX + 1} options",
    ),
    (
        "PUT",
        f"{A}/fields/TYPE/options",
        {"options": [{"o_id": "van", "display_id": "bus"}]},
        "has the display_id bus twice",
    ),
    (
        "PUT",
        f"{A}/fields/TYPE/options",
        {"options": [{"o_id": "van", "sort_id": -1}]},
        "sort_id must not be negative",
    ),
    # Statuses and actions.
    ("DELETE", f"{D}/statuses/New", None, "Sell is offered in a status that is gone"),
    ("PATCH", f"{D}/statuses/New", {"sort_id": -1}, "sort_id must not be negative"),
    ("POST", f"{D}/statuses", {"name": "x", "display_id": "New"}, "display_id: New is there"),
    ("POST", f"{D}/actions", {"name": "x", "operation": "make"}, "operation must be one of"),
    (
        "POST",
        f"{D}/actions",
        {"name": "x", "operation": "update", "is_status_action": True},
        "status_id: a status action needs one",
    ),
    (
        "POST",
        f"{D}/actions",
        {"name": "x", "operation": "update", "set_status": "None"},
        "set_status: has no status None",
    ),
    (
        "POST",
        f"{D}/actions",
        {"name": "x", "operation": "new", "is_default": True},
        "is a second default to new",
    ),
    ("PATCH", f"{D}/actions/Sell", {"operation": "new"}, "operation: can't change: it is update"),
    (
        "PATCH",
        f"{D}/actions/Sell",
        {"action_field_settings": {"NONE": {"show": False}}},
        "action_field_settings: has no field NONE",
    ),
    ("PATCH", f"{D}/actions/Sell", {"publish": {"roles": ["X"]}}, "has no role X"),
    # Applications, datastores, the audit.
    ("POST", "/api/v0/applications", {"name": "x", "display_id": "BIN"}, "display_id: BIN is"),
    ("POST", f"{APP}/datastores", {"name": "x", "display_id": "CARS"}, "display_id: CARS is"),
    ("PATCH", D, {"roles": ["NOBODY"]}, "roles: has no role NOBODY"),
    ("GET", f"{W}/audit?limit=0", None, "limit must be from 1 to 200"),
    ("GET", f"{W}/audit?limit={AUDIT_PAGE_MAX + 1}", None, "limit must be from 1 to 200"),
    ("GET", f"{W}/audit?before=yesterday", None, "before must be an id"),
    ("GET", f"/api/v0/actions/{SELL}/actionscripts/download", None, "script_type must be"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "words"), BAD, ids=[f"{one[0]} {one[3]}" for one in BAD]
)
def test_what_can_not_be_is_400_and_says_why(design, method, path, body, words):
    reply = design.call(method, path, body)
    assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMS")
    assert words in reply.json["description"], reply.json["description"]


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ((("script_type", b"pre"), ("file", b"x" * (SCRIPT_BYTES_MAX + 1), "a.js")), 413, "bytes"),
        ((("script_type", b"pre"), ("file", b"\xff", "a.js")), 400, "file: the script is not"),
        ((("script_type", b"pre"), ("file", b"a\0b", "a.js")), 400, "file: must be a text without"),
        ((("script_type", b"both"), ("file", b"x", "a.js")), 400, "script_type must be"),
        ((("file", b"x", "a.js"),), 400, "script_type must be"),
        ((("script_type", b"pre"),), 400, "the form has no part file"),
    ],
)
def test_a_script_is_text_of_some_length(design, parts, status, words):
    path = f"/api/v0/actions/{SELL}/actionscripts/upload"
    reply = design.call("POST", path, form(*parts), headers=FORM)
    assert (reply.status, words in reply.json["description"]) == (status, True), reply.body


def test_scripts_are_for_designers(design):
    path = f"/api/v0/actions/{SELL}/actionscripts"
    body = form(("script_type", b"pre"), ("file", b"x", "a.js"))
    for user, status in (("bob", 403), ("eve", 404)):
        upload = design.call("POST", f"{path}/upload", body, headers=FORM, user=user)
        told = design.call("GET", f"{path}/download?script_type=pre", user=user)
        assert (upload.status, told.status) == (status, status)
