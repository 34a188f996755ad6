"""Files of end users, and of those who come without a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hikidashi.core.limits import INTEGER_MAX
from tests.files.papers import Papers
from tests.files.steps import (
    CODE,
    HOST,
    LETTERS,
    announce,
    call,
    get,
    id_of,
    link,
    link_path,
    put,
    report,
    upload,
)

BOARD, BOX = 4, 5  # tables: the first shows anybody its rows
NOBODY = ""


def rows_call(papers: Papers, verb: str, table: int, body: object, token: str = "") -> Any:
    """A call of rows; what is answered."""
    path = f"/autodev/CustomTableValue/{verb}/{CODE}/{table}"
    return papers.call("POST", path, body, token=token, headers=HOST).json


def signed_in(papers: Papers, name: str) -> str:
    """The token of an end user."""
    body = {"email": f"{name}@visitors.test", "password": f"{name}-password"}
    for verb in ("SignUp", "SignIn"):
        path = f"/autodev/CustomTableValue/{verb}/{CODE}"
        told = json.loads(papers.call("POST", path, body, token="").body)
    return f"Bearer {told['Data']}"


def create(papers: Papers, table: int, token: str = "", **values: Any) -> int:
    told = rows_call(papers, "Create", table, {"create": values}, token)
    assert told["Success"], told
    return int(told["Data"])


def test_end_users_have_files_of_their_own(papers):
    ada, bea = signed_in(papers, "ada"), signed_in(papers, "bea")
    number = upload(papers, who=ada)
    assert number == 1
    assert get(papers, link_path(papers, number, ada)).status == 200
    assert link(papers, number, bea)["Code"] == 404
    assert report(papers, number, bea)["Code"] == 404
    assert rows_call(papers, "Create", BOARD, {"create": {"photo": number}}, bea)["Code"] == 400
    create(papers, BOARD, ada, photo=number)
    path = link_path(papers, number, bea)
    assert get(papers, path).status == 200


def test_without_a_key_files_come_where_a_table_is_public_for_create(papers):
    assert call(papers, "GetPreUploadUrl", {"filename": "a"}, NOBODY, code=LETTERS)["Code"] == 401
    told = announce(papers, who=NOBODY)
    assert INTEGER_MAX // 2 <= told.number < INTEGER_MAX
    assert put(papers, told.path).status == 200
    assert report(papers, told.number, NOBODY)["Data"] == told.number
    assert get(papers, link_path(papers, told.number, NOBODY)).status == 200
    assert announce(papers, who=NOBODY).number != told.number
    assert upload(papers) == 1


def test_anybody_gets_links_to_what_anybody_is_shown(papers):
    shown, hidden = upload(papers, who=NOBODY), upload(papers, who=NOBODY)
    create(papers, BOARD, photo=shown)
    paths = [link_path(papers, one, NOBODY) for one in (shown, hidden)]
    assert [get(papers, one).status for one in paths] == [200, 200]
    create(papers, BOX, photo=hidden)
    assert [get(papers, one).status for one in paths] == [200, 404]
    assert link(papers, shown, NOBODY)["Success"]
    assert link(papers, hidden, NOBODY)["Code"] == 404
    assert report(papers, hidden, NOBODY)["Code"] == 404
    assert get(papers, link_path(papers, hidden, "bob")).status == 200  # who is shown the row


@pytest.mark.parametrize("who", ["bob", NOBODY])
def test_an_attached_file_is_not_taken_by_others(papers, who):
    number = upload(papers, who=NOBODY)
    create(papers, BOARD, photo=number)
    token = f"Bearer {papers.token(who)}" if who else ""
    told = rows_call(papers, "Create", BOX, {"create": {"photo": number}}, token)
    assert told["Code"] == 400, told
    assert id_of(papers, number) not in told["Message"]
    assert str(number) in told["Message"]
    assert papers.rows(
        "SELECT count(*) FROM files WHERE field_id = '65a000000000000000000041'"
    ) == [(0,)]
