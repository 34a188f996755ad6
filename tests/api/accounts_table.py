"""What the calls of accounts refuse: method, path after /api/v0/, body, status, words."""

from __future__ import annotations

from typing import Any

from hikidashi.core.limits import (
    ADDITIONAL_INFO_BYTES_MAX,
    EMAIL_CHARS_MAX,
    NAME_CHARS_MAX,
    PASSWORD_BYTES_MAX,
)
from tests.api.mailed import FORGOT, NONE, REGISTER
from tests.api.office import ANN, BOB

PASSWORDS = {"old_password": "ann-password", "new_password": "abcdef1"}
SAME = PASSWORDS | {"confirm_password": "abcdef1"}
NEW = {"id": NONE, "new_password": "abcdef1", "confirm_password": "abcdef1"}
ENTER = {"confirmation_id": NONE, "email": "new@office.test", "password": "abcdef1"}


REFUSED: list[tuple[str, str, Any, int, str]] = [
    ("PUT", "userinfo", {"user_id": ANN}, 400, "email"),
    ("PUT", "userinfo", {"email": "ann@office.test"}, 400, "user_id"),
    ("PUT", "userinfo", {"email": "x@office.test", "user_id": ANN}, 400, "email: is changed"),
    ("PUT", "userinfo", {"email": "bob@office.test", "user_id": BOB}, 403, "nobody else"),
    (
        "PUT",
        "userinfo",
        {"email": "ann@office.test", "user_id": ANN, "username": "x" * (NAME_CHARS_MAX + 1)},
        400,
        "username: has over",
    ),
    (
        "PUT",
        "userinfo",
        {"email": "ann@office.test", "user_id": ANN, "username": "a\r\nb"},
        400,
        "username: must not contain control",
    ),
    (
        "PUT",
        "userinfo",
        {
            "email": "ann@office.test",
            "user_id": ANN,
            "additional_info": {"a": "x" * ADDITIONAL_INFO_BYTES_MAX},
        },
        400,
        f"over {ADDITIONAL_INFO_BYTES_MAX} bytes",
    ),
    (
        "PUT",
        "userinfo",
        {"email": "ann@office.test", "user_id": ANN, "additional_info": []},
        400,
        "additional_info",
    ),
    ("PUT", "users/password", PASSWORDS, 400, "confirm_password"),
    ("PUT", "users/password", SAME | {"confirm_password": "x"}, 400, "is not the same"),
    ("PUT", "users/password", SAME | {"old_password": "x"}, 400, "old password is wrong"),
    (
        "PUT",
        "users/password",
        SAME | dict.fromkeys(("new_password", "confirm_password"), "short"),
        400,
        "at least 6",
    ),
    (
        "PUT",
        "users/password",
        SAME | dict.fromkeys(("new_password", "confirm_password"), "x" * 2000),
        400,
        f"at most {PASSWORD_BYTES_MAX} bytes",
    ),
    ("POST", FORGOT, {}, 400, "email"),
    ("POST", FORGOT, {"email": "nobody"}, 400, "no e-mail address"),
    ("POST", FORGOT, {"email": "a@b.test, c@d.test"}, 400, "no e-mail address"),
    ("POST", FORGOT, {"email": "a@b.test\r\nBcc: c@d.test"}, 400, "no e-mail address"),
    ("POST", FORGOT, {"email": "a,c@b.test"}, 400, "no e-mail address"),
    ("POST", FORGOT, {"email": "x" * EMAIL_CHARS_MAX + "@b.test"}, 400, "characters"),
    ("POST", FORGOT, {"email": "a@b.test", "host": "evil.test"}, 400, "host: is not among"),
    ("POST", FORGOT, {"email": "a@b.test", "host": "a b"}, 400, "host: must be the name"),
    ("POST", FORGOT, {"email": "a@b.test", "host": "javascript:x"}, 400, "host: must be"),
    ("POST", FORGOT, {"email": "a@b.test", "host": "app.test@evil.test"}, 400, "host: must"),
    ("POST", FORGOT, {"email": "a@b.test", "root_path": "a?b"}, 400, "root_path: must be"),
    ("POST", FORGOT, {"email": "a@b.test", "root_path": "a\nb"}, 400, "root_path: must be"),
    ("POST", FORGOT, {"email": "a@b.test", "query_params": "a b"}, 400, "query_params: must"),
    ("POST", FORGOT, {"email": "a@b.test", "email_templates_id": "t"}, 400, "host has to be"),
    ("GET", "users/password/validate", None, 404, "confirmation is not found"),
    ("GET", f"users/password/validate?id={NONE}", None, 404, "confirmation is not found"),
    ("PUT", FORGOT, NEW, 404, "confirmation is not found"),
    ("PUT", FORGOT, NEW | {"confirm_password": "x"}, 400, "is not the same"),
    ("POST", "users/password/reset", {}, 400, "u_id"),
    ("POST", "users/password/reset", {"u_id": NONE}, 404, "user is not found"),
    ("POST", "users/email", {}, 400, "email"),
    ("POST", "users/email", {"email": "ann"}, 400, "no e-mail address"),
    ("POST", "users/email", {"email": "ann@office.test"}, 400, "is your address already"),
    (
        "POST",
        "users/email",
        {"email": "x@office.test", "registration_path": "a b"},
        400,
        "registration_path: must be",
    ),
    ("GET", f"users/confirmations/{NONE}", None, 404, "confirmation is not found"),
    ("POST", "users/confirmations", {}, 400, "confirmation_id"),
    ("POST", "users/confirmations", {"confirmation_id": NONE}, 404, "confirmation is not"),
    ("POST", "users/registration", {}, 400, "email"),
    ("POST", "users/registration", REGISTER | {"email": "new"}, 400, "no e-mail address"),
    ("POST", "users/registration", REGISTER | {"username": " "}, 400, "username has to be"),
    ("POST", "users/registration", REGISTER | {"hostname": ""}, 400, "hostname has to be"),
    (
        "POST",
        "users/registration",
        REGISTER | {"registration_domain": ""},
        400,
        "registration_domain has to be",
    ),
    (
        "POST",
        "users/registration",
        REGISTER | {"registration_domain": "evil.test"},
        400,
        "registration_domain: is not among",
    ),
    ("POST", "users/registration", REGISTER | {"protocol": "ftp"}, 400, "protocol: must be"),
    (
        "POST",
        "users/registration",
        REGISTER | {"additional_info": {"a": "x" * ADDITIONAL_INFO_BYTES_MAX}},
        400,
        "additional_info: has over",
    ),
    ("GET", f"users/registration/confirm?id={NONE}", None, 404, "confirmation is not found"),
    ("POST", "users/registration/confirm", {}, 400, "confirmation_id"),
    ("POST", "users/registration/confirm", ENTER, 404, "confirmation is not found"),
    (
        "POST",
        "users/registration/confirm",
        ENTER | {"workspace": "x" * (NAME_CHARS_MAX + 1)},
        400,
        "workspace: has over",
    ),
    ("POST", "auth/unauthorized-call", {}, 400, "method"),
    ("POST", "auth/unauthorized-call", {"method": "GET", "url": []}, 400, "url"),
    (
        "POST",
        "auth/unauthorized-call",
        {"method": "GET", "url": "/api/v0/userinfo"},
        403,
        "this call may not be made without a token",
    ),
]
