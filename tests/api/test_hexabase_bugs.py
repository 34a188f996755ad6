"""A bug of ours is told in the error shape of the REST API, with nothing of the server in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.tables import SCHEMA, Tables

PLACE = "/api/v0/applications/tasks/datastores/tasks"


@pytest.fixture(scope="module")
def tables(new_database, tmp_path_factory) -> Iterator[Tables]:
    served = Tables(new_database(tmp_path_factory.mktemp("bugs")), SCHEMA)
    yield served
    served.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{PLACE}/items/new"),
        ("POST", f"{PLACE}/items/search"),
        ("GET", f"{PLACE}/items/details/{'0' * 24}"),
        ("GET", f"{PLACE}/fields"),
        ("GET", f"{PLACE}/fields/number/autonum"),
        ("GET", "/api/v0/userinfo"),
    ],
)
def test_a_bug_is_500_in_the_error_shape_of_the_api(tables, monkeypatch, method, path):
    login = {"email": "ann@makers.test", "password": "ann-password"}
    token = tables.send("POST", "/api/v0/login", login).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "r-7"}
    assert tables.send("GET", "/api/v0/userinfo", None, headers).status_code == 200

    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the server")

    monkeypatch.setattr(tables.app.store, "read", fail)
    monkeypatch.setattr(tables.app.store, "scan", fail)
    monkeypatch.setattr(tables.app.store, "submit", fail)
    reply = tables.send(method, path, {} if method == "POST" else None, headers)
    assert reply.status_code == 500
    assert reply.json() == {
        "description": "something went wrong on the server; request id r-7",
        "error": "internal error",
        "error_code": "SYSTEM_ERROR",
    }
