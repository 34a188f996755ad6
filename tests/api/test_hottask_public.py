"""Tables that are open to anybody: what is public of them, under whose name, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from hikidashi.api.hottask.calls import ROUTES
from hikidashi.core.limits import SIGN_UP_URL_CHARS_MAX
from hikidashi.core.public import PUBLIC_CALLS
from hikidashi.service.schema import SchemaError, export_workspace, loads, plan, read_now
from tests.api.end_people import CLUB, JSON, KEY, SHOP, SHUT, EndPeople
from tests.served import Served

NEWS, WISHES, STAFF = 2, 3, 4
BODIES = {
    "Page": {"PageNo": 1, "PageSize": 5},
    "List": {},
    "Count": {},
    "Create": {"create": {"subject": "x"}},
    "UD": {"update": {"id": 1, "subject": "y"}},
    "Delete": {},
}
MISSING = "the project key is missing"
LONG = "https://x.test/".ljust(SIGN_UP_URL_CHARS_MAX, "x")


@pytest.fixture(scope="module")
def people(new_database, tmp_path_factory) -> Iterator[EndPeople]:
    served = EndPeople(new_database(tmp_path_factory.mktemp("public")))
    for table in (NEWS, WISHES, STAFF):
        body = {"create": {"subject": "of the key"}}
        made = served.ask("Create", body, table=table, headers={"customauth": KEY})
        assert made["Data"] == 1
    yield served
    served.close()


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}])
@pytest.mark.parametrize("call", [one.name for one in ROUTES if one.name in PUBLIC_CALLS])
def test_a_call_is_answered_to_anybody_where_it_is_public_and_nowhere_else(people, call, headers):
    codes = {}
    made = people.ask("Create", BODIES["Create"], table=WISHES, headers={"customauth": KEY})["Data"]
    body = {"delete": {"id": made}} if call == "Delete" else BODIES[call]
    for table in (1, NEWS, WISHES, STAFF, 99, "news", "%20"):
        answer = people.ask(call, body, table=table, headers=headers)
        codes[table] = answer["Code"]
        assert answer["Code"] != 401 or answer["Message"].startswith(MISSING)
    public = {NEWS: {"Page", "List", "Count"}, WISHES: {"Create", "UD", "Delete"}}
    open_to_all = [table for table, calls in public.items() if call in calls]
    wanted = dict.fromkeys(codes, 401)
    wanted |= dict.fromkeys(open_to_all, 200)
    wanted |= {"news": wanted[NEWS], STAFF: 404}  # public, and not for the role of who is anybody
    assert codes == wanted


def test_what_anybody_writes_bears_the_name_of_the_bot(people):
    made = people.ask("Create", BODIES["Create"], table=WISHES)["Data"]
    [(item, name, is_bot)] = people.rows(
        "SELECT i.id, u.name, u.is_bot FROM i_68a0000000000000000000e3 i"
        " JOIN users u ON u.id = i.created_by WHERE i.n = ?",
        made,
    )
    assert (name, is_bot) == ("Anonymous", 1)
    told = people.rows(
        "SELECT u.name FROM histories h JOIN users u ON u.id = h.user_id WHERE h.item_id = ?", item
    )
    assert told == [("Anonymous",)]


def test_a_bot_that_only_reads_writes_nothing_even_where_that_is_public(people):
    answer = people.ask("Create", BODIES["Create"], code=CLUB, table=1)
    assert answer["Code"] == 403


def test_a_public_table_of_a_project_without_a_bot_is_nobodys(people):
    for code in (SHUT, "nosuchcode12", "nosuchcode1234567890abcdef", "%20"):
        answer = people.ask("Create", BODIES["Create"], code=code, table=11)
        assert (answer["Code"], answer["Message"].startswith(MISSING)) == (401, True)


def test_anybody_is_not_who_has_signed_in(people):
    answer = people.ask("GetUser")
    assert (answer["Code"], answer["Message"].startswith(MISSING)) == (401, True)


def test_a_wrong_key_is_not_nobody(people):
    for head in ({"customauth": "wrong"}, {"Authorization": "Bearer he_wrong"}):
        answer = people.ask("Create", BODIES["Create"], table=WISHES, headers=head)
        assert answer["Code"] == 401
        assert not answer["Message"].startswith(MISSING)


# --- the design -------------------------------------------------------------------------------


def test_what_is_public_and_who_anybody_is_change_with_the_file(new_database, tmp_path):
    url = new_database(tmp_path)
    served = EndPeople(url)
    other = Served(url, "", served.clock)
    path = f"/autodev/CustomTableValue/Create/{SHOP}/{WISHES}"

    def codes() -> list[int]:
        served.clock.advance(seconds=2)
        both = (served, other)
        return [one.send("POST", path, BODIES["Create"], JSON).json()["Code"] for one in both]

    store = "datastores: [{display_id: wishes, hottask_public: %s}]"
    assert codes() == [200, 200]
    served.apply(store % "[UD]")
    assert codes() == [401, 401]
    served.apply(store % "[Create]")
    assert codes() == [200, 200]
    served.apply("anonymous: {read_only: true}")
    assert codes() == [403, 403]
    served.apply("anonymous: {read_only: false, roles: []}")
    assert codes() == [404, 404]
    served.apply("anonymous: {deleted: true}")
    assert codes() == [401, 401]
    served.apply("anonymous: {roles: [GUEST]}")
    assert codes() == [200, 200]
    [(key,)] = served.rows(
        "SELECT id FROM tokens WHERE kind = 'anonymous' AND revoked_at IS NULL"
        " AND project_id = '68a0000000000000000000c1'"
    )
    assert served.run(served.app.identities.revoke_token(key))
    assert codes() == [401, 401]
    other.close()
    served.close()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("anonymous: {roles: [ADMIN]}", "gives ADMIN, which may change the design, to anybody"),
        ("anonymous: {roles: [NONE]}", "has no role NONE"),
        ("anonymous: {role: [GUEST]}", "role"),
        ("sign_up: {roles: [ADMIN]}", "gives ADMIN, which may change the design, to whoever"),
        ("sign_up: {roles: [NONE]}", "has no role NONE"),
        ("sign_up: {roles: every}", "must be a list"),
        ("sign_up: {reset_url: 'javascript:alert(1)'}", "must be an address of the web"),
        ("sign_up: {reset_url: 'https:///x'}", "must be an address of the web"),
        (f"sign_up: {{reset_url: '{LONG}x'}}", f"at most {SIGN_UP_URL_CHARS_MAX}"),
        ("roles: [{display_id: BUYER, may_design: true}]", "to whoever signs up"),
        (
            "datastores: [{display_id: news, hottask_public: [Drop]}]",
            "'Drop', which is none of Page",
        ),
        ("datastores: [{display_id: news, hottask_public: every}]", "must be a list"),
    ],
)
def test_what_can_not_be_opened_is_refused_with_the_reason(people, keys, words):
    with pytest.raises(SchemaError) as refused:
        people.apply(keys)
    assert words in str(refused.value)


def test_anybody_has_to_be_given_roles(people):
    schema = loads(
        "workspaces: [{name: Makers, applications: [{display_id: shut, anonymous: {}}]}]"
    )
    app = people.app
    look = app.store.scan(lambda one: plan(schema, read_now(one, schema), app.ids))
    with pytest.raises(SchemaError, match="needs roles"):
        people.run(look)


def test_an_export_holds_all_of_it_and_changes_nothing(people):
    app = people.app
    text = people.run(app.store.scan(export_workspace))
    shop = YAML(typ="safe").load(text)["workspaces"][0]["applications"][0]
    url = "https://shop.test/choose?from=mail&token={token}"
    assert shop["sign_up"] == {"roles": ["BUYER"], "reset_url": url}
    assert shop["anonymous"] == {"roles": ["GUEST"]}
    assert shop["datastores"][1]["hottask_public"] == ["Page", "List", "Count"]
    assert [one["name"] for one in shop["keys"]] == ["site"]
    changes = app.store.scan(lambda one: plan(loads(text), read_now(one, loads(text)), app.ids))
    assert people.run(changes) == []


def test_a_template_opens_nothing(people):
    login = {"email": "ann@makers.test", "password": "ann-password"}
    head = {
        "Authorization": f"Bearer {people.send('POST', '/api/v0/login', login).json()['token']}"
    }
    made = people.send(
        "POST", "/api/v0/templates", {"project_id": "shop", "name": "Shop"}, head
    ).json()
    for _ in range(1_000):
        reply = people.send("GET", f"/api/v0/tasks?stream_id={made['stream_id']}", headers=head)
        [task] = reply.json().values()
        if task["finished_at"] is not None:
            break
    body = {"name": "Again", "tp_id": made["tp_id"]}
    new = people.send("POST", "/api/v0/applications", body, head).json()["project_id"]
    standing, place = people.app.store.standing, "68a0000000000000000000f1"
    catalog = people.run(people.app.store.scan(lambda one: standing.find_catalog(one, place)))
    project = catalog.find_project(new)
    assert not project.sign_up.is_open
    assert [one.public for one in project.datastores] == [frozenset()] * 4
    held = people.rows("SELECT 1 FROM tokens WHERE kind = 'anonymous' AND project_id = ?", new)
    assert held == []
