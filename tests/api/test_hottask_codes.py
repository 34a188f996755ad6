"""The codes of HotTask's answers: those that docs/semantics.md lists, each met, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hikidashi.api.exchange import STATUS
from hikidashi.core.errors import FaultKind, unavailable
from hikidashi.core.limits import LOGIN_FAILURES_MAX
from tests.api.tables import CODE, KEY, READ_KEY, SCHEMA, TABLE, Tables

PAGE = Path(__file__).parents[2] / "docs" / "semantics.md"


@pytest.fixture(scope="module")
def tables(new_database, tmp_path_factory) -> Iterator[Tables]:
    served = Tables(new_database(tmp_path_factory.mktemp("codes")), SCHEMA, body_bytes_max="1000")
    yield served
    served.close()


def edit(tables: Tables, headers: dict[str, str] | None = None, **values: Any) -> dict[str, Any]:
    row = tables.create(subject="before")
    return tables.post("UD", {"update": {"id": row, "subject": "after", **values}}, headers)


def reuse_a_key(tables: Tables) -> dict[str, Any]:
    head = {"customauth": KEY, "Idempotency-Key": "one"}
    tables.post("Create", {"create": {"subject": "one"}}, head)
    return tables.post("Create", {"create": {"subject": "two"}}, head)


def guess_too_often(tables: Tables) -> dict[str, Any]:
    path, body = f"/autodev/CustomTableValue/SignIn/{CODE}", {"email": "a@b.test", "password": "x"}
    for _ in range(LOGIN_FAILURES_MAX + 1):
        reply = tables.send("POST", path, body)
    answer: dict[str, Any] = reply.json()
    return answer


MENDED: dict[int, Callable[[Tables], dict[str, Any]]] = {
    400: lambda tables: edit(tables, estimate="many"),
    401: lambda tables: edit(tables, {"customauth": "nobody's"}),
    403: lambda tables: edit(tables, {"customauth": READ_KEY}),
    404: lambda tables: tables.post("Create", {"create": {}}, table=9999),
    409: lambda tables: edit(tables, rev_no=7),
    413: lambda tables: edit(tables, subject="x" * 2_000),
    422: reuse_a_key,
    423: guess_too_often,
}


@pytest.mark.parametrize("code", MENDED)
def test_what_a_client_can_mend_has_a_code_of_the_table(tables, code):
    answer = MENDED[code](tables)
    assert (answer["Code"], answer["Data"]) == (code, 0)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (500, RuntimeError("a secret of the server"), "something went wrong on the server"),
        (503, unavailable("too much to do"), "too much to do"),
    ],
)
def test_what_only_the_server_can_mend_is_told_in_the_same_envelope(
    tables, monkeypatch, code, error, words
):
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tables.app.store, "submit", fail)
    path = f"/autodev/CustomTableValue/Create/{CODE}/{TABLE}"
    reply = tables.send("POST", path, {"create": {"subject": "x"}}, {"customauth": KEY})
    answer = reply.json()
    assert reply.status_code == code
    assert list(answer) == ["Data", "Version", "Success", "Code", "Message"]
    assert (answer["Data"], answer["Success"], answer["Code"]) == (0, False, code)
    assert words in answer["Message"]
    assert "secret" not in json.dumps(answer)


def test_the_page_lists_the_codes_that_there_are():
    table = PAGE.read_text(encoding="utf-8").partition("| `Code` | when |")[2].partition("\n\n")[0]
    told = [int(one) for one in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert told == sorted(set(STATUS.values()))
    assert set(FaultKind) == set(STATUS)
