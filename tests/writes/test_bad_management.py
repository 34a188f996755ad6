"""The same for the calls that manage a workspace, which ask for rights before they read much."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from hikidashi.api.exchange import Call
from tests.writes.ground import ANY_TYPE, BROKEN, MANAGING, NOT_THERE, code_of, keys, params_of

REFUSED = frozenset((400, 403, 404, 413))


def managing_body(call: Call) -> Any:
    """An object with nothing wrong in it yet."""
    return {} if call.body is not None and not call.streams_body else None


@pytest.mark.parametrize("name", MANAGING)
def test_a_managing_call_about_what_is_not_there_changes_nothing(ground, name):
    call = MANAGING[name]
    for given, param in itertools.product(NOT_THERE.values(), params_of(call)):
        for user in ("ann", "bob"):
            body = managing_body(call)
            reply = ground.send(call, params={param: given}, user=user, body=body)
            assert reply.status in REFUSED, (param, given, user, reply.json)
            assert reply.status == 400 or code_of(call, reply)
    assert ground.unchanged()


@pytest.mark.parametrize("name", [name for name, one in MANAGING.items() if one.body is not None])
def test_a_managing_call_refuses_a_body_that_can_not_be_read(ground, name):
    call = MANAGING[name]
    for what, body in BROKEN.items():
        for user in ("ann", "bob"):
            if call.auth == "none" and user == "bob":
                continue
            reply = ground.send(call, body=body, user=user)
            assert reply.status in REFUSED, (what, user, reply.json)
            assert code_of(call, reply)
    assert ground.unchanged()


@pytest.mark.parametrize(
    "name",
    [name for name, one in MANAGING.items() if one.body is not None and not one.streams_body],
)
def test_a_managing_call_refuses_keys_of_wrong_types(ground, name):
    """As bob, who may manage nothing: whatever is given, nothing is done and nothing breaks."""
    call = MANAGING[name]
    for key, given in itertools.product(keys(call), ANY_TYPE):
        reply = ground.send(call, body={key: given})
        assert reply.status in REFUSED, (key, given, reply.json)
        assert code_of(call, reply)
    assert ground.unchanged()
