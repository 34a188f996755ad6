"""Two processes over one database: a script that one is given holds in the other at once."""

from __future__ import annotations

import pytest

from tests.files.papers import FORM, form
from tests.scripts.world import ASYNC, schema
from tests.served import Served
from tests.writes.client import Client

REJECT = ASYNC % "reject('no')"


@pytest.fixture
def two(new_database, tmp_path, engine_name):
    """The shop twice, the second of which has its definitions in memory."""
    if engine_name == "sqlite":
        pytest.skip("one process has the file")
    url = new_database(tmp_path)
    plain = schema().replace("pre_script", "description").replace("post_script", "description")
    first = Client(url, plain)
    second = Client(url, "")
    yield first, second
    first.served.close()
    second.served.close()


def upload(client: Client, action: str) -> None:
    """Give an action a PRE script that refuses whatever comes."""
    headers = {"Authorization": f"Bearer {client._tokens['ann']}", **FORM}
    body = form(("script_type", b"pre"), ("file", REJECT.encode(), "a.js"))
    path = f"/api/v0/actions/{action}/actionscripts/upload"
    answer = client.served.send("POST", path, body, headers)
    assert answer.status_code == 200, answer.text


def action_of(client: Client, name: str) -> str:
    """The id of an action."""
    identities = client.served.app.identities
    identity = client.served.run(identities.identify(client._tokens["ann"]))
    catalog = client.served.read(identity, lambda view: view.catalog)
    return catalog.find_project("SHOP").find_datastore("ORDERS").find_action(name).id


WRITES = {
    "an update": ("POST", "items/edit/{item}", {"item": {"amount": 2}, "is_force_update": True}),
    "a bulk action": (
        "POST",
        "items/bulkaction/Plain",
        {"conditions": [{"id": "i_id", "search_value": ["{item}"], "exact_match": True}],
         "item": {"amount": 2}, "use_display_id": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITES)
def test_the_first_write_after_it_is_judged(two, case):
    first, second = two
    item = second.new(name="pen", amount=1)
    first.search()
    assert isinstance(first.served, Served)
    upload(first, action_of(first, "Plain"))
    method, path, body = WRITES[case]
    if case == "a bulk action":
        body["conditions"][0]["search_value"] = [item]
    told = second.send(method, f"ORDERS/{path.format(item=item)}", body)
    if case == "an update":
        assert told["details"]["status"] == "REJECTED"
    else:
        assert told["result"] == {"matched": 1, "processed": 0}
    assert second.details(item)["amount"] == 1
