"""What is served beside the dialects: health, metrics, documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from hikidashi import __version__
from hikidashi.api.docs_page import docs_page
from hikidashi.api.openapi import make_openapi
from tests.served import Served

PATHS = ["/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"]


@pytest.fixture(scope="module")
def site(new_database, tmp_path_factory) -> Iterator[Served]:
    served = Served(new_database(tmp_path_factory.mktemp("site")))
    yield served
    served.close()


@pytest.mark.parametrize("path", PATHS)
def test_pages_answer_and_bear_the_headers_that_hold_a_browser_back(site, path):
    reply = site.send("GET", path)
    assert reply.status_code == 200
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in reply.headers
    assert site.send("HEAD", path).status_code == 200


def test_an_unknown_page_is_not_there(site):
    reply = site.send("GET", "/nonsense")
    assert reply.status_code == 404
    assert reply.headers["x-content-type-options"] == "nosniff"


# --- health -----------------------------------------------------------------------------------


def test_a_server_with_its_database_is_ready(site):
    assert site.send("GET", "/readyz").json() == {"ready": True, "reason": ""}
    assert site.send("GET", "/healthz").text == "ok\n"


def test_a_server_without_its_database_is_alive_and_not_ready(databases):
    url = databases.create()
    served = Served(url)
    databases.drop(url)
    reply = served.send("GET", "/readyz")
    assert reply.status_code == 503
    assert "out of reach" in reply.json()["reason"]
    assert served.send("GET", "/healthz").status_code == 200
    served.close()


def test_a_server_that_stops_is_not_ready(tmp_path):
    served = Served(f"sqlite:///{tmp_path / 'h.db'}", is_open=False)
    seen: list[dict[str, object]] = []

    async def life() -> None:
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> dict[str, str]:
            return {"type": next(messages)}

        async def send(message: dict[str, object]) -> None:
            seen.append(message)

        await served.asgi({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    served.run(life())
    assert [one["type"] for one in seen] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    reply = served.send("GET", "/readyz")
    assert (reply.status_code, reply.json()["reason"]) == (503, "stopping")
    served.close()


# --- metrics ----------------------------------------------------------------------------------


def counted(page: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_requests_are_counted_by_route_and_never_by_what_they_name(site):
    name = 'hikidashi_requests_total{route="hottask.UD",status="2xx"}'
    before = counted(site.send("GET", "/metrics").text, name)
    for code in ("aaaa", "bbbb"):
        site.send("POST", f"/autodev/CustomTableValue/UD/{code}/1", {})
    page = site.send("GET", "/metrics").text
    assert counted(page, name) == before + 2
    assert counted(page, 'hikidashi_request_seconds_count{route="hottask.UD"}') == before + 2
    assert "aaaa" not in page


def test_metrics_may_be_switched_off(tmp_path):
    served = Served(f"sqlite:///{tmp_path / 'h.db'}", metrics="off")
    assert served.send("GET", "/metrics").status_code == 404
    served.close()


# --- documentation ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(site) -> dict:
    return site.send("GET", "/openapi.json").json()


def operations(document):
    return {
        one["operationId"]: (path, method, one)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }


def references(value):
    if isinstance(value, dict):
        yield from [value["$ref"]] if "$ref" in value else []
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_call_is_documented_once(document):
    listed = operations(document)
    count = sum(len(methods) for methods in document["paths"].values())
    assert len(listed) == count > 20
    assert document["info"]["version"] == __version__
    path, method, one = listed["hottask.UD"]
    assert (path, method) == ("/autodev/CustomTableValue/UD/{code}/{table}", "post")
    assert [part["name"] for part in one["parameters"]] == ["code", "table", "dry_run"]
    assert one["security"] == [{"customauth": []}, {"key": []}, {"token": []}]


def test_a_call_of_hottask_that_asks_for_no_key_answers_in_the_same_envelope(document):
    listed = operations(document)
    _, method, one = listed["hottask.Upload"]
    assert (method, one["security"], list(one["responses"])) == ("put", [], ["200"])
    assert one["requestBody"]["content"] == {"application/octet-stream": {}}
    assert one["responses"] == listed["hottask.UD"][2]["responses"]
    assert listed["hottask.File"][2]["responses"] == {"200": {"description": "Done."}}


def test_every_call_says_what_it_does(document):
    bare = [name for name, (_, _, one) in operations(document).items() if one["summary"] == name]
    assert bare == []


def test_every_path_names_its_parameters(document):
    for path, _, one in operations(document).values():
        in_path = [part["name"] for part in one["parameters"] if part["in"] == "path"]
        assert re.findall(r"{([^}]+)}", path) == in_path


def test_every_reference_leads_to_a_schema(document):
    schemas = document["components"]["schemas"]
    names = {one.rpartition("/")[2] for one in references(document)}
    assert names <= set(schemas)


def test_a_body_is_described_by_its_struct(document):
    _, _, one = operations(document)["hottask.UD"]
    body = one["requestBody"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert schema["required"] == ["update"]


class Page(HTMLParser):
    """Gathers what a page refers to, and that its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        if tag in ("script", "link", "img", "iframe"):
            self.fetched.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_its_links_lead_somewhere(site, document):
    page = Page(site.send("GET", "/docs").text)
    assert page.open == []
    assert page.fetched == []
    assert len(page.ids) == len(set(page.ids))
    assert {one[1:] for one in page.links if one.startswith("#")} <= set(page.ids)
    assert [one for one in page.links if one.startswith(("http:", "https:"))] == []
    assert set(operations(document)) <= set(
        re.findall(r"<h3[^>]*>([^<]+)</h3>", docs_page(document))
    )


def test_what_a_schema_says_can_not_become_markup():
    text = docs_page(
        {
            **make_openapi([]),
            "paths": {
                "/<b>": {
                    "post": {
                        "operationId": "<script>",
                        "tags": ["<i>"],
                        "summary": "<u> `<code>`",
                        "security": [],
                        "parameters": [],
                        "responses": {"200": {"description": ""}},
                    }
                }
            },
        }
    )
    for tag in ("<script>", "<i>", "<u>", "<b>"):
        assert tag not in text
    assert Page(text).open == []
