"""Login, logout, the user and the workspaces over the wire."""

from __future__ import annotations

import pytest

from hikidashi.core.limits import LOGIN_FAILURES_MAX, LOGIN_WINDOW_MS

WORKSPACE = "62d7afb1cc1351eb97f32bcf"
PROJECT = "62d7b261cc1351eb97f32bd7"
BOB = "62d657fb0ac22e357f5b69c5"


def login(rest, email="bob@cars.test", password="bob-password", **more):
    body = {"email": email, "password": password}
    return rest.call("POST", "/api/v0/login", body, token=more.pop("token", ""), **more)


@pytest.mark.parametrize("token", ["", "Bearer nonsense", "nonsense"])
def test_login_answers_a_token_and_ignores_any_sent_along(rest, token):
    reply = login(rest, token=token)
    assert reply.status == 200
    assert list(reply.json) == ["token"]
    info = rest.call("GET", "/api/v0/userinfo", token=f"Bearer {reply.json['token']}")
    assert info.json["u_id"] == BOB
    assert rest.call("GET", "/api/v0/userinfo", token=reply.json["token"]).status == 200


@pytest.mark.parametrize("email", ["bob@cars.test", "nobody@cars.test"])
def test_a_wrong_login_then_a_lock(rest, email):
    for _ in range(LOGIN_FAILURES_MAX):
        reply = login(rest, email, "wrong")
        assert reply.status == 401
        assert reply.json == {
            "description": "the account or the password is wrong",
            "error": "LOGIN_FAILED",
            "error_code": "UNAUTHORIZED",
        }
    reply = login(rest, email)
    assert reply.status == 423
    assert reply.json["error"] == "LOGIN_LOCKED"
    rest.clock.advance(ms=LOGIN_WINDOW_MS)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "`password`"),
        ({"password": "x"}, "`email`"),
        ({"user_code": "", "password": "x"}, "`email`"),
        ({"email": 1, "password": "x"}, "$.email"),
        ({"email": "bob@cars.test", "password": None}, "$.password"),
        (b"email=bob&password=x", "not valid JSON"),
    ],
)
def test_a_login_that_says_too_little(rest, body, named):
    reply = rest.call("POST", "/api/v0/login", body, token="")
    assert reply.status == 400
    assert named in reply.json["description"]
    assert list(reply.json) == ["description", "error", "error_code"]


def test_logout_ends_the_session(rest):
    token = login(rest).json["token"]
    reply = rest.call("POST", "/api/v0/users/logout", token=token)
    assert (reply.status, reply.body) == (200, b"null")
    assert rest.call("GET", "/api/v0/userinfo", token=token).status == 401


def test_user_info(rest):
    assert rest.call("GET", "/api/v0/userinfo", user="bob").json == {
        "u_id": BOB,
        "username": "Bob",
        "email": "bob@cars.test",
        "profile_pic": "",
        "current_workspace_id": WORKSPACE,
        "is_ws_admin": False,
        "user_roles": [
            {
                "r_id": "62d7b261cc1351eb97f32e02",
                "role_name": "Member",
                "role_id": "MEMBER",
                "p_id": PROJECT,
                "application_id": "APPNAME",
                "application_name": "Cars",
                "application_display_order": 1,
            }
        ],
        "user_groups": [
            {"g_id": "62d7afb1cc1351eb97f32001", "group_name": "One", "group_id": "GROUP1"}
        ],
        "additional_info": {},
    }


def test_workspaces(rest):
    assert rest.call("GET", "/api/v0/workspaces").json == {
        "workspaces": [{"workspace_id": WORKSPACE, "workspace_name": "Cars"}],
        "current_workspace_id": WORKSPACE,
    }
    assert rest.call("GET", "/api/v0/workspacecurrent").json == {"workspace_id": WORKSPACE}
    reply = rest.call("POST", f"/api/v0/workspaces/{WORKSPACE}/select")
    assert (reply.status, reply.body) == (200, b"null")


def test_a_workspace_that_is_not_the_users(rest):
    reply = rest.call("POST", f"/api/v0/workspaces/{'0' * 24}/select")
    assert reply.status == 404
    assert reply.json["error"] == "workspace was not found"
