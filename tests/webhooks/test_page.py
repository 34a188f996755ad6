"""The page on webhooks: its way of checking a signature works, and its example is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hikidashi.core.saved import Webhook
from hikidashi.service.webhooks import show_secret, sign

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def is_genuine() -> Callable[..., bool]:
    """What the page says to do."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    made: dict[str, Any] = {}
    exec(code, made)
    return made["is_genuine"]


def test_the_example_of_the_page_is_right():
    words = re.search(
        r"secret `(whsec_\S+)`, the id `(\w+)`, the time `(\d+)` and\nthe body `(.*?)` the signature is `(\S+)`",
        PAGE,
    )
    assert words is not None
    secret, id_, at, body, signature = words.groups()
    headers = {"webhook-id": id_, "webhook-timestamp": at, "webhook-signature": signature}
    assert is_genuine()(secret, headers, body.encode())
    assert not is_genuine()(secret, headers | {"webhook-id": "other"}, body.encode())


def test_what_we_sign_is_genuine():
    webhook = Webhook("65a000000000000000000002", "bell", {}, 1, "https://a.test/", secret_number=3)
    headers = {"webhook-id": "a", "webhook-timestamp": "1"}
    headers["webhook-signature"] = sign(b"key", webhook, b"a.1.{}")
    assert is_genuine()(show_secret(b"key", webhook), headers, b"{}")
    assert headers["webhook-signature"].count("v1,") == 2
