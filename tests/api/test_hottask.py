"""The HotTask tables API: Create and UD, as its pages show them and as its clients send them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.tables import CODE, KEY, SCHEMA, TABLE, Tables

PLACEHOLDER = {
    "update": {
        "table field definitions...": "The values here is not fixed and depends on the field"
        " definitions of the table...."
    }
}
OK = {"Data": 1, "Version": "1.0.0", "Success": True, "Code": 200, "Message": ""}


@pytest.fixture(scope="module")
def tables(new_database, tmp_path_factory) -> Iterator[Tables]:
    folder = tmp_path_factory.mktemp("hottask")
    served = Tables(new_database(folder), SCHEMA)
    assert served.create(subject="first") == 1  # for what is refused
    yield served
    served.close()


# --- the page update-table-data ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample", "headers", "body"),
    [
        # Each as its sample sends it, with a real key, real fields and the id of a row.
        ("fetch", {"Authorization": KEY}, '{"update":{"id":%d,"subject":"from fetch"}}'),
        ("requests", {"Authorization": KEY}, '{"update": {"id": %d, "subject": "from requests"}}'),
        ("curl", {"authorization": KEY}, '{"update":{"id":%d,"subject":"from curl"}}'),
        (
            "http",
            {"Authorization": KEY},
            '\n{\n"update": {\n"id": %d, "subject": "from http"\n}\n}\n',
        ),
        ("header list", {"customauth": KEY}, '{"update":{"id":%d,"subject":"from header list"}}'),
    ],
)
def test_the_samples_of_the_page_update_a_row(tables, sample, headers, body):
    row = tables.create(subject="before", estimate=3)
    assert tables.post("UD", body % row, headers) == OK
    found = tables.row(row)
    assert (found["subject"], found["estimate"], found["rev"]) == (f"from {sample}", 3, 2)


def test_the_samples_sent_word_for_word_say_what_is_missing(tables):
    before = tables.rows()
    answer = tables.post("UD", PLACEHOLDER, {"Authorization": KEY})
    assert (answer["Data"], answer["Code"]) == (0, 400)
    assert "stands for the table's own fields" in answer["Message"]
    assert '{"update": {"id": 1, "<field>": <value>}}' in answer["Message"]
    answer = tables.post("UD", {"update": {"id": 1, **PLACEHOLDER["update"]}})
    assert answer["Code"] == 400
    assert (
        "the fields of this table are subject, estimate, done, due, code, size" in answer["Message"]
    )
    assert "secret" not in answer["Message"]
    assert tables.rows() == before


def test_the_parameter_as_the_page_lists_it_is_taken_too(tables):
    row = tables.create(subject="before")
    assert tables.post("UD", {"create": {"id": row, "subject": "after"}}) == OK
    assert tables.row(row)["subject"] == "after"


def test_the_staging_path_is_the_same(tables):
    row = tables.post("Create", {"subject": "staged"}, base="/stagingautodev")["Data"]
    assert tables.row(row)["subject"] == "staged"


# --- Create -----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda values: {"create": values}, lambda values: values])
def test_create_answers_the_number_of_the_new_row(tables, wrap):
    values = {"subject": "new", "estimate": 1.5, "done": True, "due": "2026-02-01", "size": "L"}
    first = tables.post("Create", wrap(values))["Data"]
    second = tables.post("Create", wrap({"subject": "next"}))["Data"]
    assert second > first > 0
    found = tables.row(first)
    assert (found["subject"], found["estimate"], found["done"], found["rev"]) == (
        "new",
        1.5,
        True,
        1,
    )


def test_an_empty_row_may_be_made_on_purpose(tables):
    assert tables.post("Create", {"create": {}})["Success"]
    assert tables.post("Create", {})["Code"] == 400


def test_an_id_of_null_is_as_none(tables):
    assert tables.post("Create", {"create": {"ID": None, "subject": "x"}})["Success"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"create": {"id": 5, "subject": "x"}}, "Create gives the id itself"),
        ({"create": {"nope": 1}}, "unknown field: nope"),
        ({"nope": 1, "subject": "x"}, "unknown field: nope"),
        ({"create": {"estimate": "many"}}, "estimate: must be a number"),
        ({"create": {"done": "perhaps"}}, "done: must be true or false"),
        ({"create": {"size": "XL"}}, "size: has no option 'XL'"),
        ({"create": {"estimate": -1, "due": "soon"}}, "estimate: must be at least 0; due: must be"),
        ({"create": {"number": 7}}, "number: a field of type autonum can't be written"),
        ({"create": []}, '"create" must be an object of fields'),
        ({"create": "subject"}, '"create" must be an object of fields'),
        ({"update": {"id": 1, "subject": "x"}}, "this path creates rows"),
        ([{"subject": "x"}], "the body must be a JSON object"),
    ],
)
def test_a_row_that_can_not_be_made_is_refused_with_the_reason(tables, body, words):
    before = tables.rows()
    answer = tables.post("Create", body)
    assert (answer["Code"], answer["Data"]) == (400, 0)
    assert words in answer["Message"]
    assert tables.rows() == before


def test_a_mandatory_field_must_be_given(tables):
    answer = tables.post("Create", {"create": {}}, table=124)
    assert (answer["Code"], "subject is a required field" in answer["Message"]) == (400, True)


def test_a_unique_value_is_taken_once(tables):
    tables.create(code="taken")
    answer = tables.post("Create", {"create": {"code": "taken"}})
    assert (answer["Code"], answer["Message"]) == (400, "code: the value is not unique")


# --- UD ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        '{"update":{"id":%d,"subject":"after"}}',
        '{"update":{"ID":%d,"subject":"after"}}',
        '{"update":{"Id":"%d","subject":"after"}}',
        '{"id":%d,"subject":"after"}',
        '{"ID":%d,"subject":"after"}',
        '{"customTableID":123,"update":{"id":%d,"subject":"after"}}',
        '{"update":{"id":%d.0,"subject":"after"}}',
    ],
)
def test_the_row_is_named_inside_the_object(tables, body):
    row = tables.create(subject="before", estimate=2, done=True)
    assert tables.post("UD", body % row) == OK
    found = tables.row(row)
    assert found == {
        "subject": "after",
        "estimate": 2,
        "done": True,
        "number": found["number"],
        "rev": 2,
    }


@pytest.mark.parametrize("empty", [None, ""])
def test_null_or_an_empty_text_clears_a_field(tables, empty):
    row = tables.create(subject="before", code=None)
    tables.post("UD", {"update": {"id": row, "subject": empty}})
    assert "subject" not in tables.row(row)


def test_the_last_write_wins_unless_a_revision_is_given(tables):
    row = tables.create(subject="one")
    assert tables.post("UD", {"update": {"id": row, "subject": "two", "rev_no": 1}}) == OK
    assert tables.post("UD", {"update": {"id": row, "subject": "three"}}) == OK
    answer = tables.post("UD", {"update": {"id": row, "subject": "four", "rev_no": 2}})
    assert (answer["Code"], answer["Data"]) == (409, 0)
    assert "has rev_no:3 but specified rev_no:2" in answer["Message"]
    assert tables.row(row)["subject"] == "three"


def test_of_writers_with_one_revision_exactly_one_succeeds(tables):
    row = tables.create(subject="start")
    path = f"/autodev/CustomTableValue/UD/{CODE}/{TABLE}"
    bodies = [{"update": {"id": row, "subject": f"by {one}", "rev_no": 1}} for one in range(12)]
    replies = tables.send_all(*(("POST", path, body, {"customauth": KEY}) for body in bodies))
    codes = sorted(one.json()["Code"] for one in replies)
    assert codes == [200] + [409] * 11
    assert tables.row(row)["rev"] == 2


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"update": {"subject": "x"}}, 400, "the id of the row to update is missing"),
        ({"subject": "x"}, 400, "the id of the row to update is missing"),
        ({"update": {}}, 400, "the id of the row to update is missing"),
        ({}, 400, "the body names no field"),
        ({"id": 1, "update": {"subject": "x"}}, 400, "the id belongs inside update"),
        ({"update": {"id": 1}}, 400, "names no field to change"),
        ({"update": {"id": 1, "rev_no": 1}}, 400, "names no field to change"),
        ({"update": {"id": 1, "ID": 2, "subject": "x"}}, 400, "named twice, as 1 and as 2"),
        ({"update": {"id": None, "subject": "x"}}, 400, "id must be a whole number"),
        ({"update": {"id": True, "subject": "x"}}, 400, "id must be a whole number"),
        ({"update": {"id": "first", "subject": "x"}}, 400, "id must be a whole number"),
        ({"update": {"id": 1.5, "subject": "x"}}, 400, "id must be a whole number"),
        ({"update": {"id": [1], "subject": "x"}}, 400, "id must be a whole number"),
        ({"update": {"id": 10**30, "subject": "x"}}, 400, "id must be a whole number"),
        (
            {"update": {"id": 1, "subject": "x", "rev_no": None}},
            400,
            "rev_no must be a whole number",
        ),
        (
            {"update": {"id": 1, "subject": "x", "rev_no": "new"}},
            400,
            "rev_no must be a whole number",
        ),
        ({"update": {"id": 987654321, "subject": "x"}}, 404, "987654321"),
        ({"update": {"id": 0, "subject": "x"}}, 404, "i_id:0"),
        ({"update": {"id": -1, "subject": "x"}}, 404, "i_id:-1"),
        ({"update": {"id": 2**53, "subject": "x"}}, 404, "9007199254740992"),
        ({"update": {"id": 1, "nope": "x"}}, 400, "unknown field: nope"),
        (
            {"update": {"id": 1, "subject": "x", "estimate": "many"}},
            400,
            "estimate: must be a number",
        ),
        ({"update": {"id": 1, "subject": 5}}, 400, "subject: must be a string"),
        ({"update": {"id": 1, "secret": "x"}}, 403, "secret can't be updated"),
        ({"update": ["id", 1]}, 400, '"update" must be an object of fields'),
        (5, 400, "the body must be a JSON object"),
    ],
)
def test_an_update_that_can_not_be_done_changes_nothing(tables, body, code, words):
    before = tables.rows()
    answer = tables.post("UD", body)
    assert (answer["Code"], answer["Data"]) == (code, 0)
    assert words in answer["Message"]
    assert tables.rows() == before


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "the body is empty"),
        ('{"update": {"id": 1, "subject": "x"', "not valid JSON"),
        ('{"update": {"id": 1, "subject": "x",}}', "not valid JSON"),
        ('{update: {id: 1, subject: "x"}}', "it is JavaScript text"),
        ("{'update': {'id': 1}}", "it is JavaScript text"),
        ('body: JSON.stringify({\n"update": {"id": 1}\n})', "it is JavaScript text"),
        ('JSON.stringify({"update": {"id": 1}})', "it is JavaScript text"),
        ("id=1&subject=x", "it is a form"),
        ('{"update": {"id": 1, "subject": NaN}}', "not valid JSON"),
        ('{"update": {"id": 1, "estimate": 1e999}}', "out of range"),
        (b'{"update": {"id": 1, "subject": "\xff"}}', "not UTF-8"),
        ('{"a":' * 70 + "1" + "}" * 70, "nests over 64 levels"),
    ],
)
def test_a_body_that_is_not_json_is_told_what_it_is(tables, body, words):
    before = tables.rows()
    answer = tables.post("UD", body)
    assert (answer["Code"], answer["Data"]) == (400, 0)
    assert words in answer["Message"]
    assert tables.rows() == before


def test_a_request_with_a_key_of_its_own_is_done_once(tables):
    head = {"customauth": KEY, "Idempotency-Key": "the order of today"}
    path = f"/autodev/CustomTableValue/Create/{CODE}/{TABLE}"
    first = tables.send("POST", path, {"create": {"subject": "once"}}, head)
    again = tables.send("POST", path, {"create": {"subject": "once"}}, head)
    assert again.json() == first.json()
    assert again.headers["idempotent-replay"] == "true"
    assert tables.post("Create", {"create": {"subject": "other"}}, head)["Code"] == 422


def test_a_dry_run_shows_what_would_be_done(tables):
    path = f"/autodev/CustomTableValue/Create/{CODE}/{TABLE}"
    before = tables.rows()
    head = {"customauth": KEY}
    answer = tables.send("POST", f"{path}?dry_run=true", {"create": {"subject": "x"}}, head).json()
    assert (answer["Success"], answer["Code"]) == (True, 200)
    step = answer["plan"][1]
    assert (step["step"], step["datastore"]) == ("insert_item", "tasks")
    assert step["values"]["subject"] == "x"
    assert tables.rows() == before
    answer = tables.send("POST", f"{path}?dry_run=perhaps", {"create": {"subject": "x"}}, head)
    assert answer.json()["Code"] == 400
    assert tables.rows() == before
