"""The way in, called in process: routes, methods, limits, broken requests, headers, failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from hikidashi.api.body import check_levels, decode_any
from hikidashi.api.edge import (
    _REQUEST_ID_CHARS_MAX,
    Answer,
    Call,
    Edge,
    HttpRequest,
    answer_json,
)
from hikidashi.core.access import Identity
from hikidashi.core.errors import FaultError, invalid_request, unauthorized
from hikidashi.core.limits import JSON_LEVELS_MAX

ALICE = Identity("a" * 24, "b" * 24)


class FakeIdentities:
    async def identify(self, token: str) -> Identity:
        if token != "good":
            raise unauthorized("not one of ours")
        return ALICE


class FakeApp:
    identities = FakeIdentities()


class Heard:
    def __init__(self) -> None:
        self.done: list[tuple[str, str, int, str, str]] = []
        self.crashed: list[tuple[str, str, BaseException]] = []

    def request_done(self, route, method, status, seconds, request_id="", user=""):
        assert seconds >= 0
        self.done.append((route, method, status, request_id, user))

    def request_crashed(self, route, request_id, error):
        self.crashed.append((route, request_id, error))


def envelope(error: FaultError, _request: HttpRequest) -> Answer:
    return answer_json({"kind": error.kind.value, "told": error.faults[0].description}, 418)


async def echo(_app, request: HttpRequest, identity: Identity | None) -> Answer:
    return answer_json(
        {
            "params": request.params,
            "query": request.query,
            "body": request.body.decode("latin-1"),
            "user": identity.user if identity else "",
        }
    )


async def parse(_app, request: HttpRequest, _identity) -> Answer:
    return answer_json(decode_any(request.body))


async def fail(_app, _request, _identity) -> Answer:
    raise RuntimeError("a secret of the server")


async def refuse(_app, _request, _identity) -> Answer:
    raise invalid_request("not like this")


async def stream(_app, _request, _identity) -> Answer:
    async def chunks() -> AsyncGenerator[bytes, None]:
        for part in (b"[1", b",2", b"]"):
            yield part

    return Answer(200, chunks=chunks())


def call(name: str, method: str, path: str, handle: Any = echo, **more: Any) -> Call:
    return Call(
        name=name,
        method=method,
        path=path,
        handle=handle,
        envelope=envelope,
        **{"auth": "none", **more},
    )


CALLS = (
    call("Edit", "POST", "/api/things/:thing/edit/:id", auth="token"),
    call("Search", "POST", "/api/things/search/edit/:id"),
    call("Read", "GET", "/api/things/:thing"),
    call("Remove", "DELETE", "/api/things/:thing"),
    call("Take", "GET", "/api/things/:thing/number", allows_head=False),
    call("Parse", "POST", "/api/parse", parse),
    call("Raw", "POST", "/api/raw", is_json=False, body_bytes_max=50),
    call("Fail", "GET", "/api/fail", fail),
    call("Refuse", "GET", "/api/refuse", refuse),
    call("Stream", "GET", "/api/stream", stream),
)


class Reply:
    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status = messages[0]["status"]
        self.header_list = [(k.decode(), v.decode()) for k, v in messages[0]["headers"]]
        self.headers = dict(self.header_list)
        self.body = b"".join(one["body"] for one in messages[1:])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def send(heard):
    """Send one request to an edge over the calls above; the answer as a client gets it."""

    def send(
        method: str,
        path: str,
        body: bytes | list[bytes] = b"",
        headers: dict[str, str] | None = None,
        *,
        raw_path: bytes | None = None,
        query: bytes = b"",
        leaves: bool = False,
        **more: Any,
    ) -> Reply:
        edge = Edge(FakeApp(), CALLS, heard, **{"body_bytes_max": 1000, **more})
        parts = [body] if isinstance(body, bytes) else list(body)
        incoming: list[dict[str, Any]] = [
            {"type": "http.request", "body": one, "more_body": at < len(parts) - 1}
            for at, one in enumerate(parts)
        ]
        if leaves:
            incoming = [{"type": "http.disconnect"}]
        sent: list[dict[str, Any]] = []
        given = {"authorization": "Bearer good", **(headers or {})}
        if isinstance(body, bytes) and body and "content-length" not in given:
            given["content-length"] = str(len(body))

        async def receive():
            if not incoming:
                await asyncio.sleep(60)
            return incoming.pop(0)

        async def take(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode() if raw_path is None else raw_path,
            "query_string": query,
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in given.items()],
        }
        asyncio.run(edge(scope, receive, take))
        assert edge.in_flight == 0
        return Reply(sent) if sent else None  # type: ignore[return-value]

    return send


# --- routes -----------------------------------------------------------------------------------


def test_segments_after_a_colon_become_parameters(send):
    reply = send("POST", "/api/things/desk/edit/7", b"{}")
    assert reply.status == 200
    assert reply.json["params"] == {"thing": "desk", "id": "7"}


def test_a_path_with_more_fixed_segments_wins(send, heard):
    send("POST", "/api/things/search/edit/7")
    send("POST", "/api/things/other/edit/7")
    assert [one[0] for one in heard.done] == ["Search", "Edit"]


def test_a_slash_at_the_end_changes_nothing(send):
    assert send("GET", "/api/things/desk/").json["params"] == {"thing": "desk"}


def test_segments_are_decoded_after_they_are_split(send):
    reply = send(
        "GET",
        "/api/things/a/b 机",
        raw_path=b"/api/things/a%2Fb%20%E6%9C%BA",
        query=b"x=%E6%9C%BA+1",
    )
    assert reply.json["params"] == {"thing": "a/b 机"}
    assert reply.json["query"] == {"x": "机 1"}


def test_of_a_repeated_query_name_the_last_counts_and_empty_ones_are_kept(send):
    assert send("GET", "/api/things/a", query=b"x=1&x=2&y=").json["query"] == {"x": "2", "y": ""}


def test_a_path_that_is_not_utf8_is_refused(send):
    assert send("GET", "/api/things/x", raw_path=b"/api/things/%FF").status == 400


def test_a_query_that_is_not_utf8_is_refused_by_the_call(send):
    assert send("GET", "/api/things/x", query=b"a=%FF").status == 418


def test_a_very_long_address_is_refused(send):
    reply = send("GET", "/api/things/x", query=b"a=" + b"b" * 9000)
    assert (reply.status, reply.json["error"]) == (414, "too long")


def test_an_unknown_path_is_404_in_json(send):
    reply = send("GET", "/api/nothing/here")
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["error_code"] == "NOT_FOUND"


def test_a_wrong_method_is_405_and_says_which_are_right(send):
    reply = send("PATCH", "/api/things/desk")
    assert reply.status == 405
    assert reply.headers["allow"] == "DELETE, GET, HEAD"


def test_two_calls_at_one_place_are_refused_at_start():
    with pytest.raises(ValueError, match="twice"):
        Edge(FakeApp(), (CALLS[0], CALLS[0]), Heard())


# --- HEAD and OPTIONS -------------------------------------------------------------------------


def test_head_gets_the_headers_of_get_and_no_body(send):
    reply = send("HEAD", "/api/things/desk")
    same = send("GET", "/api/things/desk")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == same.headers["content-length"] != "0"
    assert len(reply.header_list) == len(same.header_list)


def test_head_of_a_get_that_changes_something_is_refused(send):
    reply = send("HEAD", "/api/things/desk/number")
    assert (reply.status, reply.headers["allow"]) == (405, "GET")


def test_options_of_a_page_names_methods_and_headers(send):
    asked = {"origin": "https://a.example", "access-control-request-method": "POST"}
    reply = send("OPTIONS", "/api/things/desk/edit/7", headers=asked)
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "POST" in reply.headers["access-control-allow-methods"]
    allowed = reply.headers["access-control-allow-headers"].split(", ")
    wanted = {"referrerinfo", "customauth", "authorization", "content-type", "idempotency-key"}
    assert wanted <= set(allowed)
    assert "content-length" not in reply.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/things/a", 200), ("/api/none", 404), ("/api/fail", 418), ("/api/refuse", 418)],
)
def test_every_answer_to_a_page_bears_cors_headers(send, path, status):
    reply = send("GET", path, headers={"origin": "https://a.example"})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (status, "*")
    assert "access-control-allow-credentials" not in reply.headers


def test_only_the_origins_of_the_setting_are_allowed(send):
    origins = ("https://a.example",)
    inside = send("GET", "/api/things/a", headers={"origin": "https://a.example"}, origins=origins)
    outside = send("GET", "/api/things/a", headers={"origin": "https://b.example"}, origins=origins)
    assert inside.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in outside.headers
    assert inside.headers["vary"] == outside.headers["vary"] == "Origin"


# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Bearer good", "bearer good", "good", "Bearer  good "])
def test_a_token_is_taken_with_its_scheme_or_bare(send, heard, header):
    reply = send("POST", "/api/things/a/edit/1", headers={"authorization": header})
    assert reply.json["user"] == ALICE.user
    assert heard.done[0][4] == ALICE.user


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "bad", "Basic good"])
def test_without_a_good_token_the_calls_own_envelope_tells_it(send, header):
    reply = send("POST", "/api/things/a/edit/1", headers={"authorization": header})
    assert (reply.status, reply.json["kind"]) == (418, "unauthorized")


def test_a_call_without_authentication_does_not_look_at_the_token(send):
    assert send("GET", "/api/things/a", headers={"authorization": "bad"}).json["user"] == ""


# --- bodies -----------------------------------------------------------------------------------


def test_a_body_in_pieces_is_put_together(send):
    reply = send("POST", "/api/raw", [b"one ", b"two ", b"three"])
    assert reply.json["body"] == "one two three"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x" * 1001, {}),
        (b"x", {"content-length": "1001"}),
        (b"x", {"content-length": "9" * 40}),
        ([b"x" * 600, b"x" * 600, b"x" * 600], {}),
        ([b"x" * 600, b"x" * 401], {}),
    ],
)
def test_a_body_over_the_limit_is_refused_and_the_connection_closed(send, body, headers):
    reply = send("POST", "/api/parse", body, headers)
    assert (reply.status, reply.json["kind"]) == (418, "too large")
    assert reply.headers["connection"] == "close"


def test_a_call_may_have_a_limit_of_its_own(send):
    assert send("POST", "/api/raw", b"x" * 50).status == 200
    assert send("POST", "/api/raw", b"x" * 51).json["kind"] == "too large"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the body is empty"),
        (b"  \n", "the body is empty"),
        (b"{", "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b'{"a":1} // no', "not valid JSON"),
        (b'{"a":NaN}', "not valid JSON"),
        (b'{"a":1e999}', "out of range"),
        (b'{"a":"\\ud800"}', "not valid JSON"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "not valid JSON"),
    ],
)
def test_a_broken_body_is_refused_in_words(send, body, told):
    reply = send("POST", "/api/parse", body)
    assert reply.status == 418
    assert told in reply.json["told"]


def test_of_a_repeated_key_the_last_counts(send):
    assert send("POST", "/api/parse", b'{"a":1,"a":2}').json == {"a": 2}


LEVELS = JSON_LEVELS_MAX


@pytest.mark.parametrize(
    "body",
    [
        b"[" * LEVELS + b"]" * LEVELS,
        b'{"a":' * LEVELS + b"1" + b"}" * LEVELS,
        b"[" + b"[]," * 500 + b"[]]",
        b'["' + b"[" * 500 + b'"]',
        b'["\\"' + b"[{" * 500 + b'"]',
    ],
)
def test_json_as_deep_as_the_limit_is_taken(body):
    check_levels(body)
    json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * (LEVELS + 1) + b"]" * (LEVELS + 1),
        b'{"a":[' * 33 + b"]}" * 33,
        b"[" * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b"]" * 100 + b"[" * 100,
    ],
)
def test_deeper_json_is_refused(body):
    with pytest.raises(FaultError, match="invalid parameter"):
        check_levels(body)


def test_deep_json_is_refused_before_the_call_is_handled(send):
    body = b"[" * 70 + b"]" * 70
    assert send("POST", "/api/things/a/edit/1", body).json["kind"] == "invalid"
    assert send("POST", "/api/raw", b"[" * 50).status == 200  # no JSON, no levels


# --- what becomes of a request ----------------------------------------------------------------


def test_a_request_id_is_echoed_or_made(send, heard):
    assert (
        send("GET", "/api/things/a", headers={"x-request-id": "r-1"}).headers["x-request-id"]
        == "r-1"
    )
    made = send("GET", "/api/none").headers["x-request-id"]
    assert made
    assert [one[3] for one in heard.done] == ["r-1", made]


def test_a_request_id_can_not_smuggle_anything_into_a_header_or_a_log(send):
    reply = send("GET", "/api/things/a", headers={"x-request-id": "a\r\nb c\x7f" + "é" + "x" * 500})
    assert set(reply.headers["x-request-id"]) <= set("abcx")
    assert len(reply.headers["x-request-id"]) <= _REQUEST_ID_CHARS_MAX


def test_a_bug_is_told_in_the_envelope_of_its_call_with_nothing_of_the_server(send, heard):
    reply = send("GET", "/api/fail", headers={"x-request-id": "r-1"})
    told = "something went wrong on the server; request id r-1"
    assert (reply.status, reply.json) == (418, {"kind": "crashed", "told": told})
    route, request_id, error = heard.crashed[0]
    assert (route, request_id, str(error)) == ("Fail", "r-1", "a secret of the server")
    assert heard.done[0][:3] == ("Fail", "GET", 418)


def test_a_fault_is_told_in_the_envelope_of_its_call(send, heard):
    reply = send("GET", "/api/refuse")
    assert (reply.status, reply.json["told"]) == (418, "not like this")
    assert heard.crashed == []


def test_a_client_that_leaves_early_is_not_answered(send, heard):
    assert send("POST", "/api/parse", b"{}", leaves=True) is None
    assert heard.done[0][:3] == ("Parse", "POST", 499)


def test_a_long_answer_is_sent_in_chunks_without_a_length(send):
    reply = send("GET", "/api/stream")
    assert (reply.status, reply.json) == (200, [1, 2])
    assert "content-length" not in reply.headers


def test_other_paths_are_the_sites(send, heard):
    seen = []

    async def site(scope, _receive, send_):
        seen.append(scope["path"])
        await send_({"type": "http.response.start", "status": 299, "headers": []})
        await send_({"type": "http.response.body", "body": b"page"})

    assert send("GET", "/", site=site).status == 299
    assert send("GET", "/docs/", site=site).status == 299
    assert send("GET", "/api/none", site=site).status == 404
    assert seen == ["/", "/docs/"]


def test_shutting_down_waits_for_what_was_accepted(heard):
    order: list[str] = []
    released = asyncio.Event()

    async def slow(_app, _request, _identity):
        await released.wait()
        return Answer(200)

    async def site(_scope, receive, _send):
        while (await receive())["type"] != "lifespan.shutdown":
            pass
        order.append("closed")

    async def nothing(_message):
        return None

    async def scenario():
        edge = Edge(FakeApp(), (call("Slow", "GET", "/api/slow", slow),), heard, site=site)
        scope = {"type": "http", "method": "GET", "path": "/api/slow", "headers": []}

        async def shut_down():
            return {"type": "lifespan.shutdown"}

        request = asyncio.create_task(edge(scope, shut_down, nothing))
        request.add_done_callback(lambda _: order.append("answered"))
        await asyncio.sleep(0)
        lifespan = asyncio.create_task(edge({"type": "lifespan"}, shut_down, nothing))
        await asyncio.sleep(0.03)
        assert order == []
        released.set()
        await asyncio.gather(request, lifespan)

    asyncio.run(scenario())
    assert order == ["answered", "closed"]
