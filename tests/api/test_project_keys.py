"""Keys of a project made and revoked by calls: shown once, kept as hashes, gone within two seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.core.access import Identity
from hikidashi.service import design_keys
from hikidashi.service.passwords import hash_secret
from tests.api.end_people import SHOP, EndPeople
from tests.served import Served

KEYS = "/api/v0/applications/shop/keys"
ROW = f"/autodev/CustomTableValue/Create/{SHOP}/1"


@pytest.fixture(scope="module")
def people(new_database, tmp_path_factory) -> Iterator[EndPeople]:
    served = EndPeople(new_database(tmp_path_factory.mktemp("keys")))
    yield served
    served.close()


def head(people: EndPeople, name: str = "ann") -> dict[str, str]:
    token = people.run(people.app.identities.login(f"{name}@makers.test", f"{name}-password"))
    return {"Authorization": f"Bearer {token}"}


def make(people: EndPeople, name: str, **more: Any) -> dict[str, str]:
    reply = people.send("POST", KEYS, {"name": name, "roles": ["BUYER"], **more}, head(people))
    assert reply.status_code == 200, reply.text
    made: dict[str, str] = reply.json()
    return made


def write(served: Served, key: str) -> int:
    answer = served.send("POST", ROW, {"create": {"subject": "x"}}, {"customauth": key})
    code: int = answer.json()["Code"]
    return code


def test_a_key_that_was_made_writes_as_its_bot_and_is_kept_as_a_hash(people):
    made = make(people, "phone")
    assert write(people, made["key"]) == 200
    [(kept, project)] = people.rows("SELECT hash, project_id FROM tokens WHERE name = 'phone'")
    assert (kept, project) == (hash_secret(made["key"]), "68a0000000000000000000c1")
    listed = people.send("GET", KEYS, headers=head(people)).text
    assert made["key"] not in listed
    assert kept not in listed
    [(name, is_bot)] = people.rows(
        "SELECT u.name, u.is_bot FROM histories h JOIN users u ON u.id = h.user_id"
    )
    assert (name, is_bot) == ("phone", 1)
    audit = "SELECT kind, name FROM audit WHERE kind = 'key' ORDER BY id DESC LIMIT 1"
    assert people.rows(audit) == [("key", "phone")]


def test_a_key_for_reading_writes_nothing_and_one_without_roles_is_a_members(people):
    made = make(people, "screen", read_only=True)
    assert write(people, made["key"]) == 403
    reply = people.send("POST", KEYS, {"name": "plain"}, head(people)).json()
    listed = people.send("GET", KEYS, headers=head(people)).json()["keys"]
    [roles] = [one["roles"] for one in listed if one["key_id"] == reply["key_id"]]
    [(member,)] = people.rows(
        "SELECT id FROM definitions WHERE display_id = 'MEMBER'"
        " AND parent_id = '68a0000000000000000000c1'"
    )
    assert roles == [member]


def test_a_key_that_is_revoked_is_seen_by_another_process_within_two_seconds(
    new_database, tmp_path
):
    url = new_database(tmp_path)
    one = EndPeople(url)
    two = Served(url, "", one.clock)
    made = make(one, "phone")
    assert (write(one, made["key"]), write(two, made["key"])) == (200, 200)
    reply = one.send("DELETE", f"{KEYS}/{made['key_id']}", headers=head(one))
    assert (reply.status_code, reply.text) == (200, "null")
    assert write(one, made["key"]) == 401
    one.clock.advance(seconds=2)
    assert write(two, made["key"]) == 401
    [(user,)] = one.rows("SELECT user_id FROM tokens WHERE id = ?", made["key_id"])
    assert one.rows("SELECT 1 FROM members WHERE user_id = ?", user) == []
    two.close()
    one.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name"),
        ({"name": ""}, "name must be a text"),
        ({"name": " "}, "name must be a text"),
        ({"name": "x" * 501}, "name must be a text"),
        ({"name": "a\nb"}, "control characters"),
        ({"name": "site"}, "there is a key site already"),
        ({"name": "new", "roles": ["NONE"]}, "has no role NONE"),
        ({"name": "new", "roles": "BUYER"}, "roles"),
        ({"name": "new", "read_only": "no"}, "read_only"),
    ],
)
def test_a_key_that_can_not_be_is_refused_with_the_reason(people, body, words):
    before = people.rows("SELECT count(*) FROM tokens")
    reply = people.send("POST", KEYS, body, head(people))
    assert reply.status_code == 400
    assert words in reply.text
    assert people.rows("SELECT count(*) FROM tokens") == before


def test_a_project_has_so_many_keys_and_no_more(people, monkeypatch):
    count = len(people.send("GET", KEYS, headers=head(people)).json()["keys"])
    monkeypatch.setattr(design_keys, "PROJECT_KEYS_MAX", count + 1)
    make(people, "the last")
    reply = people.send("POST", KEYS, {"name": "one more"}, head(people))
    assert (reply.status_code, f"there are {count + 1} keys" in reply.text) == (400, True)


def test_what_anonymous_callers_have_is_no_key_of_the_list(people):
    listed = people.send("GET", KEYS, headers=head(people)).json()["keys"]
    assert "Anonymous" not in [one["name"] for one in listed]
    [(key,)] = people.rows(
        "SELECT id FROM tokens WHERE kind = 'anonymous' AND project_id = '68a0000000000000000000c1'"
    )
    assert people.send("DELETE", f"{KEYS}/{key}", headers=head(people)).status_code == 404


def test_an_api_token_makes_and_revokes_none(people):
    user, workspace = "68a0000000000000000000a1", "68a0000000000000000000f1"
    identity = Identity(user, workspace, "68a0000000000000000000c1")
    _, secret = people.run(people.app.identities.create_token("test", identity))
    token = {"Authorization": f"Bearer {secret}"}
    made = make(people, "kept")
    assert people.send("POST", KEYS, {"name": "outliving"}, token).status_code == 403
    reply = people.send("DELETE", f"{KEYS}/{made['key_id']}", headers=token)
    assert reply.status_code == 403
    assert write(people, made["key"]) == 200
