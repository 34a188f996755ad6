"""Auto numbers: which counter counts what, in whose transaction, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.core.access import Identity
from hikidashi.core.limits import BRANCH_KEY_CHARS_MAX, INTEGER_MAX
from tests.writes.nest import Nest

PATH = "/fields/number/autonum"


def take(nest: Nest, query: str = "") -> tuple[int, str]:
    """GetAutoNumber."""
    result = nest.call("GET", PATH + query, user="bob").json["result"]
    return result["number"], result["value"]


def put(nest: Nest, number: int, **branch: object) -> tuple[str, int]:
    """UpdateAutoNumber."""
    result = nest.call("POST", PATH, {"auto_num": number, **branch}).json["result"]
    return result["number"], result["value"]


def made(nest: Nest) -> str:
    """The number of a new item."""
    item = nest.make()
    return str(nest.value(item, "number"))


def test_there_are_three_kinds_of_counters_and_none_moves_another(nest):
    assert [made(nest), made(nest)] == ["N-0001", "N-0002"]
    assert [take(nest), take(nest)] == [(1, "N-0001"), (2, "N-0002")]
    assert take(nest, "?branch_key=") == (3, "N-0003")  # the same as none
    assert [take(nest, "?branch_key=a"), take(nest, "?branch_key=b")] == [
        (1, "N-a0001"),
        (1, "N-b0001"),
    ]
    assert made(nest) == "N-0003"


def test_a_branch_is_there_from_its_first_get_the_others_from_the_start(nest):
    assert put(nest, 4) == ("N-0004", 4)
    assert put(nest, 5, branch_key="") == ("N-0005", 5)
    reply = nest.call("POST", PATH, {"auto_num": 6, "branch_key": "a"})
    assert reply.status == 400
    take(nest, "?branch_key=a")
    assert put(nest, 6, branch_key="a") == ("N-a0006", 6)
    assert (made(nest), take(nest)[0], take(nest, "?branch_key=a")[0]) == ("N-0005", 6, 7)


def test_after_a_number_was_set_the_next_one_follows_it(nest):
    for number in (41, 0, 999_999):
        put(nest, number, branch_key="")
        assert take(nest)[0] == number + 1


def test_null_for_the_branch_key_means_the_numbers_of_items(nest):
    put(nest, 7, branch_key=None)
    assert made(nest) == "N-0008"


def test_a_write_that_is_refused_gives_its_numbers_back(nest):
    for body in (
        {"item": {"amount": "x"}},
        {"ensure_transaction": True, "related_ds_items": {"ONE": [{"operation": 2, "i_id": "x"}]}},
    ):
        assert nest.create(body).status == 400
    nest.make(code="c")
    assert nest.create({"item": {"code": "c"}}).status == 400
    assert made(nest) == "N-0002"


def test_numbers_of_items_made_at_once_have_no_gap_and_no_double(nest):
    nest.make(code="taken")

    async def all_at_once():
        bodies = [{"item": {"code": "taken" if at % 3 == 0 else None}} for at in range(30)]
        return await asyncio.gather(
            *(nest.acall("POST", f"{nest.base}/items/new", body, user="bob") for body in bodies)
        )

    statuses = [one.status for one in nest.run(all_at_once())]
    assert (statuses.count(200), statuses.count(400)) == (20, 10)
    column = f"f_{nest.id('ROOT', 'number')}"
    numbers = {number for (number,) in nest.rows(f"SELECT {column} FROM i_{nest.id('ROOT')}")}
    assert numbers == {f"N-{at:04d}" for at in range(1, 22)}


def test_a_counter_set_back_passes_over_numbers_that_items_hold(nest):
    assert [made(nest) for _ in range(3)] == ["N-0001", "N-0002", "N-0003"]
    put(nest, 9)
    assert made(nest) == "N-0010"
    put(nest, 0)
    assert [made(nest), made(nest)] == ["N-0004", "N-0005"]
    put(nest, 8)
    assert [made(nest), made(nest)] == ["N-0009", "N-0011"]


def test_the_numbers_of_several_new_items_in_one_write_follow_each_other(nest):
    put_one = {"operation": 1, "item": {"name": "x"}}
    assert nest.create({"related_ds_items": {"ONE": [put_one] * 3}}).json["error"] is None
    column = f"f_{nest.id('ONE', 'number')}"
    rows = nest.rows(f"SELECT {column} FROM i_{nest.id('ONE')} ORDER BY n")
    assert rows == [("N-0001",), ("N-0002",), ("N-0003",)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"auto_num": "1"}, "Expected `int`, got `str`"),
        ({"auto_num": True}, "Expected `int`, got `bool`"),
        ({"auto_num": 1.5}, "Expected `int`, got `float`"),
        ({"auto_num": None}, "Expected `int`, got `null`"),
        ({}, "missing required field `auto_num`"),
        ({"auto_num": -1}, "auto_num must be between 0 and 9007199254740992"),
        ({"auto_num": INTEGER_MAX + 1}, "auto_num must be between 0 and 9007199254740992"),
        ({"auto_num": 10**40}, ""),
        ({"auto_num": 1, "branch_key": "x" * (BRANCH_KEY_CHARS_MAX + 1)}, "branch_key has over"),
        ({"auto_num": 1, "branch_key": "a\0"}, "branch_key has over 200 characters or a U+0000"),
        ({"auto_num": 1, "branch_key": ["a"]}, "Expected `str | null`"),
    ],
)
def test_what_is_no_number_and_no_branch_is_refused(nest, body, words):
    before = nest.contents()
    reply = nest.call("POST", PATH, body)
    assert (reply.status, reply.json["has_error"], reply.json["result"]) == (400, True, None)
    [told] = reply.json["errors"]
    assert told["error_code"] == "INVALID_PARAMS"
    assert words in told["description"]
    assert nest.contents() == before


def test_the_end_of_a_counter_is_told_and_jams_nothing_else(nest):
    put(nest, INTEGER_MAX)
    put(nest, INTEGER_MAX, branch_key="")
    reply = nest.create()
    assert (reply.status, reply.json["error"][0]["error_code"]) == (400, "INVALID_VALUE")
    assert nest.call("GET", PATH, user="bob").status == 400
    assert take(nest, "?branch_key=a")[0] == 1


@pytest.mark.parametrize(
    ("path", "user", "named"),
    [
        ("{app}/ROOT/fields/nope/autonum", "ann", "nope"),
        ("{app}/NOWHERE/fields/number/autonum", "ann", "number"),
        ("/api/v0/applications/NOWHERE/datastores/ROOT/fields/number/autonum", "ann", "number"),
        ("{app}/CLOSED/fields/number/autonum", "bob", "number"),
        ("{app}/ROOT/fields/number/autonum", "out", "number"),
        ("{app}/ROOT/fields/secret/autonum", "bob", "secret"),
    ],
)
def test_what_is_not_there_for_the_caller_is_400_with_the_callers_own_word(nest, path, user, named):
    for method in ("GET", "POST"):
        body = {"auto_num": 1} if method == "POST" else None
        reply = nest.call(method, path.format(app=nest.APP), body, user=user)
        assert reply.status == 400
        assert reply.json["errors"] == [
            {
                "description": "invalid fieldID in the datastore",
                "error": f"could not find field for {named}",
                "error_code": "INVALID_PARAMS",
                "error_level": "ERROR",
                "reference_id": f"f_id:{named}",
            }
        ]


def test_setting_needs_the_right_to_design_and_taking_the_right_to_make_items(nest):
    before = nest.contents()
    assert nest.call("POST", PATH, {"auto_num": 1}, user="bob").status == 403
    assert nest.call("GET", PATH, user="rex").status == 403
    assert nest.contents() == before
    assert nest.call("GET", PATH, user="bob").status == 200


def test_taking_is_a_write_to_a_token(nest):
    bob, project = nest.identity("bob"), nest.catalogs[0].projects[0]
    reader = Identity(bob.user, bob.workspace, project=project.id, may_write=False)
    _, secret = nest.run(nest.app.identities.create_token("reader", reader))
    before = nest.contents()
    for method, body in (("GET", None), ("POST", {"auto_num": 1})):
        assert nest.call(method, PATH, body, token=secret).status == 403
    assert nest.contents() == before


def test_a_get_is_not_kept_by_anybody_and_head_takes_none(nest):
    reply = nest.call("GET", PATH, user="bob")
    assert reply.headers["cache-control"] == "no-store"
    assert nest.call("HEAD", PATH, user="bob").status == 405
    assert take(nest)[0] == 2


def test_a_get_with_a_key_is_one_number(nest):
    first, again = (
        nest.call("GET", PATH, user="bob", headers={"idempotency-key": "k"}) for _ in range(2)
    )
    assert first.body == again.body
    assert again.headers["idempotent-replay"] == "true"
    assert take(nest)[0] == 2
