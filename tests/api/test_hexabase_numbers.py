"""GetAutoNumber and UpdateAutoNumber as their pages show them, word for word."""

from __future__ import annotations

import asyncio

import pytest

FIELD = "63ce11b063c4431d4443e880"
TEXT_FIELD = "62d7b36da69d9d279545f001"
PATH = "/fields/Branch-No/autonum"


def number_of(rest, query=""):
    reply = rest.call("GET", PATH + query)
    assert reply.status == 200, reply.body
    return reply.json["result"]["number"]


def refusal(description, error, field):
    return {
        "errors": [
            {
                "description": description,
                "error": error,
                "error_code": "INVALID_PARAMS",
                "error_level": "ERROR",
                "reference_id": f"f_id:{field}",
            }
        ],
        "has_error": True,
        "result": None,
    }


@pytest.mark.parametrize(
    ("payload", "answer", "counter"),
    [
        ({"auto_num": 1}, b'{"has_error":false,"result":{"number":"000000001","value":1}}', "item"),
        (
            {"auto_num": 1, "branch_key": ""},
            b'{"has_error":false,"result":{"number":"000000001","value":1}}',
            "",
        ),
        (
            {"auto_num": 1, "branch_key": "branch-"},
            b'{"has_error":false,"result":{"number":"branch-000000001","value":1}}',
            "?branch_key=branch-",
        ),
    ],
)
def test_the_three_examples_of_the_page(rest, payload, answer, counter):
    rest.call("POST", PATH, {"auto_num": 20})
    rest.call("POST", PATH, {"auto_num": 30, "branch_key": ""})
    number_of(rest, "?branch_key=branch-")
    rest.call("POST", PATH, {"auto_num": 10, "branch_key": "branch-"})
    reply = rest.call("POST", PATH, payload)
    assert (reply.status, reply.body) == (200, answer)

    def next_item() -> int:
        reply = rest.call("POST", "/items/new", {"item": {}, "return_item_result": True})
        return int(reply.json["item"][FIELD])

    following = {
        "item": next_item(),
        "": number_of(rest),
        "?branch_key=branch-": number_of(rest, "?branch_key=branch-"),
    }
    expected = {"item": 21, "": 31, "?branch_key=branch-": 11} | {counter: 2}
    assert following == expected


def test_null_for_the_branch_key_is_the_same_as_leaving_it_out(rest):
    rest.call("POST", PATH, {"auto_num": 500, "branch_key": None})
    reply = rest.call("POST", "/items/new", {"item": {}, "return_item_result": True})
    assert reply.json["item"][FIELD] == "000000501"


def test_get_swaps_number_and_value_and_formats_as_the_field_says(rest):
    path = "/fields/Prefixed/autonum"
    for _ in range(3):
        rest.call("GET", f"{path}?branch_key=SUBCODE_")
    reply = rest.call("GET", f"{path}?branch_key=SUBCODE_")
    assert reply.body == (b'{"has_error":false,"result":{"number":4,"value":"PREFIX_SUBCODE_004"}}')
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "ending"),
    [("zero_padding=false", "7"), ("digit=5", "00007"), ("zero_padding=true&digit=0", "7")],
)
def test_the_query_may_say_how_a_number_is_formatted(rest, query, ending):
    rest.call("POST", PATH, {"auto_num": 6, "branch_key": ""})
    assert rest.call("GET", f"{PATH}?{query}").json["result"] == {"number": 7, "value": ending}


@pytest.mark.parametrize(
    "query",
    [
        "digit=x",
        "digit=-1",
        "digit=31",
        "digit=000000000099",
        f"digit={'9' * 5_000}",
        "zero_padding=maybe",
    ],
)
def test_a_format_that_can_not_be_is_refused(rest, query):
    before = number_of(rest)
    reply = rest.call("GET", f"{PATH}?{query}")
    assert (reply.status, reply.json["has_error"]) == (400, True)
    assert number_of(rest) == before + 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/fields/AutoNum1/autonum",
        "/api/v0/applications/APPNAME/datastores/NOWHERE/fields/AutoNum1/autonum",
        "/api/v0/applications/NOWHERE/datastores/CARS/fields/AutoNum1/autonum",
    ],
)
def test_a_field_that_is_not_there(rest, method, path):
    reply = rest.call(method, path, {"auto_num": 1} if method == "POST" else None)
    assert reply.status == 400
    assert reply.json == refusal(
        "invalid fieldID in the datastore", "could not find field for AutoNum1", "AutoNum1"
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("ref", ["CAR_NAME", TEXT_FIELD])
def test_a_field_that_is_no_auto_number(rest, method, ref):
    body = {"auto_num": 1} if method == "POST" else None
    reply = rest.call(method, f"/fields/{ref}/autonum", body)
    assert reply.status == 400
    assert reply.json == refusal(
        "invalid fieldID in the datastore",
        f"specified field[{TEXT_FIELD}] is not the auto number type",
        TEXT_FIELD,
    )


def test_a_branch_that_was_never_used_can_not_be_set(rest):
    reply = rest.call("POST", PATH, {"auto_num": 1, "branch_key": "未使用"})
    assert reply.status == 400
    assert reply.json == refusal(
        "error update auto_number",
        f"could not find field for f_id: {FIELD} branch_key: 未使用",
        FIELD,
    )


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"auto_num": "1"},
        {"auto_num": True},
        {"auto_num": 1.0},
        {"auto_num": None},
        {"auto_num": -1},
        {"auto_num": 2**53 + 1},
        {"auto_num": 1, "branch_key": 1},
        {"auto_num": 1, "branch_key": "x" * 201},
        {"auto_num": 1, "branch_key": "a\0"},
        [],
        b"",
        b'{"auto_num": 1, // Required\n}',
    ],
)
def test_a_payload_that_is_refused(rest, payload):
    reply = rest.call("POST", PATH, payload)
    assert reply.status == 400
    told = reply.json
    assert (told["has_error"], told["result"]) == (True, None)
    assert [one["error_code"] for one in told["errors"]] == ["INVALID_PARAMS"]


def test_setting_needs_the_right_to_design_and_taking_does_not(rest):
    reply = rest.call("POST", PATH, {"auto_num": 1}, user="bob")
    assert (reply.status, reply.json["has_error"]) == (403, True)
    assert rest.call("GET", PATH, user="bob").status == 200
    hidden = rest.call("GET", PATH, user="eve")
    assert hidden.json["errors"][0]["error"] == "could not find field for Branch-No"


def test_head_takes_no_number(rest):
    before = number_of(rest)
    reply = rest.call("HEAD", PATH)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")
    assert number_of(rest) == before + 1


def test_numbers_taken_at_once_are_all_different(rest):
    rest.call("POST", PATH, {"auto_num": 0, "branch_key": ""})

    async def take():
        return await asyncio.gather(*(rest.acall("GET", PATH) for _ in range(50)))

    numbers = [one.json["result"]["number"] for one in rest.run(take())]
    assert sorted(numbers) == list(range(1, 51))


def test_a_get_with_a_key_takes_one_number(rest):
    key = {"idempotency-key": "number-1"}
    first = rest.call("GET", f"{PATH}?branch_key=k", headers=key)
    again = rest.call("GET", f"{PATH}?branch_key=k", headers=key)
    assert first.body == again.body
    assert again.headers["idempotent-replay"] == "true"
    assert again.headers["cache-control"] == "no-store"
    assert rest.call("GET", f"{PATH}?branch_key=other", headers=key).status == 422
    assert number_of(rest, "?branch_key=k") == first.json["result"]["number"] + 1
