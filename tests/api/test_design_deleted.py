"""What is deleted of a design comes back with its values for seven days, and then never again."""

from __future__ import annotations

import pytest

from hikidashi.core.limits import DELETED_KEEP_MS
from tests.api.design_world import APP, A, D, W, design
from tests.files.papers import BOUNDARY, form

__all__ = ["design"]
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def ask(design, method, path, body=None, status=200, **more):
    """One request; its answer."""
    reply = design.call(method, path, body, **more)
    assert reply.status == status, (path, reply.body)
    return reply.json


def make(design, name, **keys):
    """A datastore of its own for a test: its path and its id."""
    made = ask(design, "POST", f"{APP}/datastores", {"name": name, "display_id": name, **keys})
    return f"{APP}/datastores/{name}", made["datastore_id"]


def add_field(design, path, display_id, kind="text", **keys):
    body = {"dataType": kind, "name": display_id, "display_id": display_id, **keys}
    return ask(design, "POST", f"{path}/fields", body)["field_id"]


def found(design, path, **more):
    body = {"conditions": [], "per_page": 0, "use_display_id": True, **more}
    return ask(design, "POST", f"{path}/items/search", body)["items"]


def deleted(design, **more):
    return {one["id"]: one for one in ask(design, "GET", f"{W}/deleted", **more)["deleted"]}


def recover(design, id_, status=200, **more):
    return ask(design, "POST", f"{W}/deleted/{id_}/recover", status=status, **more)


def keep_house(design):
    design.run(design.app._housekeeping.round())


def test_a_field_comes_back_with_values_index_number_and_words(design):
    path, _ = make(design, "Fielded")
    kinds = {
        "code": add_field(design, path, "code", unique=True, full_text=True),
        "many": add_field(design, path, "many", "checkbox", options=[{"name": "a"}, {"name": "b"}]),
        "size": add_field(design, path, "size", "number", has_index=True),
        "at": add_field(design, path, "at", "datetime"),
        "no": add_field(design, path, "no", "autonum"),
        "twice": add_field(design, path, "twice", "calc", calc_info={"formula": "size * 2"}),
    }
    values = {"Title": "one", "code": "hidden-code", "many": ["1", "2"], "size": 3}
    design.new(values | {"at": "2026-01-01T00:00:00Z"}, "Fielded")
    before = found(design, path, return_number_value=True)
    for name in ("twice", "code", "many", "size", "at", "no"):
        told = ask(design, "DELETE", f"{path}/fields/{name}?dry_run=true")
        assert [one["values"] for one in told["destroys"]] == [1]
        ask(design, "DELETE", f"{path}/fields/{name}")
    assert found(design, path)[0].keys().isdisjoint(kinds)
    search = {"query": "hidden-code"}
    assert ask(design, "POST", "/api/v0/globalsearch", search)["search_result"] == []
    listed = deleted(design)
    assert listed[kinds["code"]]["name"] == "FIELDS/Fielded/code"
    assert listed[kinds["code"]]["kind"] == "field"
    for name in ("no", "at", "size", "many", "code", "twice"):
        assert recover(design, kinds[name]) == {"id": kinds[name], "display_id": name}
    assert found(design, path, return_number_value=True) == before
    assert len(ask(design, "POST", "/api/v0/globalsearch", search)["search_result"]) == 1
    twice = design.call("POST", f"{path}/items/new", {"item": {"code": "hidden-code"}})
    assert (twice.status, twice.json["error"][0]["error_code"]) == (400, "INVALID_VALUE")
    assert ask(design, "POST", f"{path}/items/new", {"item": {"size": 4}})["item_id"]
    assert [one["no"] for one in found(design, path)] == ["1", "2"]
    assert not deleted(design).keys() & set(kinds.values())


def test_files_come_back_with_their_field_and_with_their_datastore(design):
    path, id_ = make(design, "Filed")
    field = add_field(design, path, "paper", "file", full_text=True)
    upload = form(("fileName", b"plan.txt"), ("file", b"the bytes", "plan.txt"))
    file = ask(design, "POST", "/api/v0/files", upload, headers=FORM)["file_id"]
    design.new({"paper": [file]}, "Filed")
    for place, gone in ((f"{path}/fields/paper", field), (f"/api/v0/datastores/{id_}", id_)):
        ask(design, "DELETE", place)
        keep_house(design)
        assert design.call("GET", f"/api/v0/files/{file}").status == 404
        recover(design, gone)
        assert design.call("GET", f"/api/v0/files/{file}").body == b"the bytes"
        keep_house(design)
        assert design.call("GET", f"/api/v0/files/{file}").status == 200
        hits = ask(design, "POST", "/api/v0/globalsearch", {"query": "plan"})["search_result"]
        assert len(hits) == 1


def test_an_option_comes_back_where_it_was(design):
    path, _ = make(design, "Optioned")
    add_field(design, path, "kind", "select", options=[{"name": one} for one in "abc"])
    add_field(design, path, "kinds", "checkbox", options=[{"name": one} for one in "ab"])
    design.new({"kind": "2", "kinds": ["1", "2"]}, "Optioned")
    before = found(design, path)
    for field, values in (("kind", 1), ("kinds", 1)):
        where = f"{path}/fields/{field}"
        ask(design, "PUT", where, {"selected": "2"} if field == "kind" else {})
        told = ask(design, "DELETE", f"{where}/options?dry_run=true", {"o_ids": ["2"]})
        assert [(one["kind"], one["values"]) for one in told["destroys"]] == [("option", values)]
        ask(design, "DELETE", f"{where}/options", {"o_ids": ["2"]})
        option = told["destroys"][0]["id"]
        assert recover(design, option) == {"id": option, "display_id": "2"}
        options = ask(design, "GET", f"{where}?with_options=true")["options"]
        assert [one["display_id"] for one in options] == ["1", "2", "3"][: len(options)]
    assert found(design, path) == before


def test_a_status_and_an_action_come_back(design):
    path, id_ = make(design, "Stated")
    place = f"/api/v0/datastores/{id_}"
    done = ask(design, "POST", f"{place}/statuses", {"name": "Done"})["status_id"]
    body = {"operation": "update", "name": "Finish", "display_id": "Finish", "set_status": done}
    action = ask(design, "POST", f"{place}/actions", body)["action_id"]
    item = design.new({"Title": "x"}, "Stated")
    ask(design, "POST", f"{path}/items/action/{item}/Finish", {"is_force_update": True})
    ask(design, "DELETE", f"{place}/actions/Finish")
    told = ask(design, "DELETE", f"{place}/statuses/{done}?dry_run=true")
    assert told["destroys"][0]["items"] == 1
    ask(design, "DELETE", f"{place}/statuses/{done}")
    recover(design, action, status=400)  # it leads to a status that is gone
    recover(design, done)
    recover(design, action)
    assert found(design, path)[0]["Status"] == "Done"
    assert [one["sort_id"] for one in ask(design, "GET", f"{place}/statuses")] == [0, 1]
    ask(design, "POST", f"{path}/items/action/{item}/Finish", {"is_force_update": True})


def test_a_datastore_comes_back_with_items_links_and_words(design):
    path, id_ = make(design, "Linked")
    add_field(design, path, "text", full_text=True)
    first, second = design.new({"text": "findable"}, "Linked"), design.new({}, "Linked")
    outside = design.new({"NAME": "car"})
    lost = design.new({"NAME": "goes meanwhile"})
    for source, target, place, datastore in (
        (first, second, path, "Linked"),
        (outside, first, A, "Linked"),
        (first, outside, path, "CARS"),
        (lost, first, A, "Linked"),
    ):
        link = {"link_datastore_id": id_ if datastore == "Linked" else "64d7b36da69d9d2795450001"}
        body = link | {"link_item_id": target}
        ask(design, "POST", f"{place}/items/addlink/{source}", body)
    before = found(design, path)
    told = ask(design, "DELETE", f"/api/v0/datastores/{id_}?dry_run=true")
    assert [(one["kind"], one["items"]) for one in told["destroys"]] == [("datastore", 2)]
    ask(design, "DELETE", f"/api/v0/datastores/{id_}")
    assert design.rows("SELECT count(*) FROM links") == [(0,)]
    ask(design, "DELETE", f"{A}/items/delete/{lost}", {})
    ask(design, "POST", f"{path}/items/search", {"conditions": []}, status=404)
    recover(design, id_)
    assert found(design, path) == before
    links = design.rows("SELECT from_item, to_item FROM links ORDER BY from_item, to_item")
    assert sorted(links) == sorted([(first, second), (first, outside), (outside, first)])
    assert design.rows("SELECT count(*) FROM deleted_links") == [(0,)]
    search = {"query": "findable"}
    assert len(ask(design, "POST", "/api/v0/globalsearch", search)["search_result"]) == 1
    assert design.new({"text": "goes on"}, "Linked")


def test_an_application_comes_back_with_who_held_its_roles(design):
    made = ask(design, "POST", "/api/v0/applications", {"name": "Lost", "display_id": "LOST"})
    place = "/api/v0/applications/LOST"
    body = {"name": "Things", "display_id": "Things"}
    things = ask(design, "POST", f"{place}/datastores", body)["datastore_id"]
    path = f"{place}/datastores/Things"
    ask(design, "POST", f"{path}/items/new", {"item": {"Title": "a thing"}})
    told = ask(design, "DELETE", f"{place}?dry_run=true")
    assert [one["kind"] for one in told["destroys"]] == ["application", "datastore"]
    ask(design, "DELETE", place)
    assert next(iter(deleted(design))) == made["project_id"]
    assert made["project_id"] not in deleted(design, user="bob")
    recover(design, made["project_id"], status=404, user="bob")
    assert things not in deleted(design)  # it comes back with the application
    recover(design, made["project_id"])
    assert [one["title"] for one in found(design, path)] == ["a thing"]


@pytest.mark.parametrize("user", ["bob", "eve"])
def test_only_designers_see_what_was_deleted(design, user):
    path, _ = make(design, f"Seen{user}")
    field = add_field(design, path, "text")
    ask(design, "DELETE", f"{path}/fields/text")
    assert field in deleted(design)
    assert deleted(design, user=user) == {}
    recover(design, field, status=404, user=user)


def test_what_stands_in_the_way_is_told(design):
    path, id_ = make(design, "Taken")
    field = add_field(design, path, "text")
    ask(design, "DELETE", f"{path}/fields/text")
    other = add_field(design, path, "text", "number")
    told = recover(design, field, status=400)
    assert "text is taken" in told["description"]
    ask(design, "PATCH", f"/api/v0/datastores/{id_}/fields/text", {"display_id": "other"})
    assert ask(design, "POST", f"{W}/deleted/{field}/recover?dry_run=true")["plan"] == [
        "+ field text (again)"
    ]
    recover(design, field)
    ask(design, "DELETE", f"{path}/fields/text")
    ask(design, "DELETE", f"/api/v0/datastores/{id_}")
    assert "deleted too" in recover(design, field, status=400)["description"]
    recover(design, id_)
    recover(design, field)
    assert {field, other} <= set(ask(design, "GET", f"{path}/fields")["fields"])


def test_after_seven_days_it_is_gone_for_good(design):
    path, id_ = make(design, "Old")
    field = add_field(design, path, "text")
    number = add_field(design, path, "no", "autonum")
    sought = add_field(design, path, "sought", has_index=True)
    design.new({"text": "x", "sought": "found by its pieces"}, "Old")
    assert len(design.rows(f"SELECT * FROM s_{sought}")) == 1
    ask(design, "DELETE", f"{path}/fields/text")
    columns = f"SELECT x_{field} FROM i_{id_}"
    design.clock.advance(ms=DELETED_KEEP_MS // 2)
    _, other_id = make(design, "Younger")
    ask(design, "DELETE", f"/api/v0/datastores/{other_id}")
    keep_house(design)
    assert design.rows(columns) == [("x",)]
    design.clock.advance(ms=DELETED_KEEP_MS // 2 + 1)
    design._tokens.clear()
    assert field not in deleted(design)
    recover(design, field, status=404)
    keep_house(design)
    with pytest.raises(Exception, match=f"x_{field}"):
        design.rows(columns)
    assert other_id in deleted(design)
    ask(design, "DELETE", f"/api/v0/datastores/{id_}")
    design.clock.advance(ms=DELETED_KEEP_MS + 1)
    design._tokens.clear()
    keep_house(design)
    for gone in (f"i_{id_}", f"i_{other_id}", f"s_{sought}"):
        with pytest.raises(Exception, match=gone):
            design.rows(f"SELECT * FROM {gone}")
    assert design.rows("SELECT count(*) FROM counters WHERE field_id = ?", number) == [(0,)]
    assert design.rows("SELECT count(*) FROM deletions") == [(0,)]
    keep_house(design)


def test_the_audit_is_walked_back(design):
    path = f"{D}/statuses"
    made = [ask(design, "POST", path, {"name": f"Walked {at}"})["status_id"] for at in range(3)]
    first = ask(design, "GET", f"{W}/audit?kind=status&limit=2")
    assert [one["target_id"] for one in first["entries"]] == made[:0:-1]
    rest = ask(design, "GET", f"{W}/audit?kind=status&limit=1&before={first['next']}")
    assert rest["entries"][0]["target_id"] == made[0]
    (entry,) = ask(design, "GET", f"{W}/audit?target={made[0]}")["entries"]
    assert (entry["before"], entry["via"], entry["after"]["display_id"][:4]) == (
        None,
        "api",
        "Sts-",
    )
    ask(design, "GET", f"{W}/audit", status=403, user="bob")
