"""Every key that a client may send is told on /docs, and nothing is told that is not read."""

from __future__ import annotations

import ast
import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import hikidashi.api
from hikidashi.api.docs_page import docs_page
from hikidashi.api.exchange import HttpRequest
from hikidashi.api.hexabase_rest.routes import CALLS as HEXABASE_CALLS
from hikidashi.api.hottask import list_calls
from hikidashi.api.live import CALLS as LIVE_CALLS
from hikidashi.api.openapi import make_openapi

CALLS = (*HEXABASE_CALLS, *list_calls(), *LIVE_CALLS)
DOCUMENT = make_openapi(CALLS)
PAGE = docs_page(DOCUMENT)
FOLDER = Path(hikidashi.api.__file__).parent

# --- query strings ----------------------------------------------------------------------------


def keys_read(source: str) -> Iterator[str | None]:
    """The keys that a module takes from query strings; None for one that is computed."""
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "read_flag":
            node.body = []  # what it reads, its callers name
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = ast.unparse(node.func)
        if called in ("request.query.get", "query.get"):
            key = node.args[0]
        elif called == "read_flag":
            key = node.args[1]
        else:
            continue
        yield key.value if isinstance(key, ast.Constant) else None


def test_every_query_key_that_is_read_is_declared_by_a_call_and_the_reverse():
    read = {key for path in FOLDER.rglob("*.py") for key in keys_read(path.read_text())}
    assert read == {one.name for call in CALLS for one in call.query}


READS = frozenset(  # by POST, for the sake of a body
    (
        *(
            f"hottask{base}.{verb}"
            for base in ("", "-staging")
            for verb in ("Page", "List", "Count")
        ),
        *("ItemList", "GetItemSearchConditionsByPost", "GlobalSearch", "ExportItemsByConditions"),
        *("GetReportDataByConditions", "GetReportDataByConditionsAsPrinted"),
        *("GetChartDataByConditions", "NegotiateHub"),
        *("hottask.GetFileStaticUrl", "hottask-staging.GetFileStaticUrl"),
    )
)


def test_every_call_that_writes_says_whether_it_can_be_done_only_for_show():
    knowing = {one.name for one in CALLS if any(key.name == "dry_run" for key in one.query)}
    assert knowing - {"GetAutoNumber"} == {one.name for one in CALLS if one.method != "GET"} - READS


class Asked(dict[str, str]):
    """A query string that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__(something="else")
        self.names: set[str] = set()

    def get(self, key, default=None):
        self.names.add(key)
        return super().get(key, default)


class ReachedTheAppError(Exception):
    """The call has read its request and goes on to the items."""


class NoApp:
    """An application that nothing can be asked of."""

    def __getattr__(self, name):
        raise ReachedTheAppError(name)


@pytest.mark.parametrize(
    "call", [one for one in CALLS if one.method == "GET"], ids=lambda c: c.name
)
def test_a_get_declares_the_query_keys_that_it_reads(call):
    asked = Asked()
    request = HttpRequest("GET", "/", defaultdict(str), asked, {})
    identity = type("Identity", (), {"workspace": "", "user": ""})()
    with suppress(Exception):
        asyncio.run(call.handle(NoApp(), request, identity))
    assert asked.names == {one.name for one in call.query}


def test_a_write_declares_what_a_dry_run_does():
    unread = {"Login", "Logout", "SelectWorkspace", *READS}
    writes = [one for one in CALLS if one.method != "GET" and one.name not in unread]
    assert [one.name for one in writes if "dry_run" not in {key.name for key in one.query}] == []


def test_query_keys_are_parameters_with_a_type_and_a_sentence():
    listed = DOCUMENT["paths"]["/api/v0/datastores/{datastore-id}/actions"]["get"]["parameters"]
    assert listed[1:] == [
        {
            "name": "status_id",
            "in": "query",
            "required": False,
            "description": "Only those of this status and of any status.",
            "schema": {"type": "string"},
        }
    ]
    rows = rows_of(article("GetActions"), "Query")
    assert rows == [("status_id", "string", "Only those of this status and of any status.")]


# --- the page ---------------------------------------------------------------------------------


def article(name: str) -> str:
    return re.search(rf'(?s)<article><h3 id="[^"]*">{re.escape(name)}</h3>.*?</article>', PAGE)[0]


def rows_of(html: str, title: str) -> list[tuple[str, str, str]]:
    """Key, type and sentence of each row of a table, without the marks before the sentence."""
    table = re.search(rf"<p><strong>{title}</strong></p><table>(.*?)</table>", html)
    if table is None:
        return []
    rows = re.findall(r"<tr><td><code>(.*?)</code></td><td>(.*?)</td><td>(.*?)</td></tr>", table[1])
    mark = re.compile(r"^(<strong>required</strong>\. |default <code>.*?</code>\. )")
    return [(key, kind, mark.sub("", words)) for key, kind, words in rows]


@pytest.mark.parametrize("call", [one for one in CALLS if one.query], ids=lambda c: c.name)
def test_every_query_key_on_the_page_is_explained(call):
    rows = rows_of(article(call.name), "Query")
    assert [key for key, _, _ in rows] == [one.name for one in call.query]
    assert [key for key, _, words in rows if not words.endswith(".")] == []


@pytest.mark.parametrize(
    "call", [one for one in CALLS if one.body not in (None, bytes)], ids=lambda c: c.name
)
def test_every_body_key_on_the_page_is_explained(call):
    rows = rows_of(article(call.name), "Body")
    assert rows
    assert [key for key, _, words in rows if not words.endswith(".")] == []
