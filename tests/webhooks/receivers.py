"""A web server that webhooks are sent to, on the loop of the test; it does what it is told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

from aiohttp import web


class Receiver:
    """Keeps what it gets. `answers` has what it says next; then it says 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[Any] = []
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def start(self) -> None:
        """Listen; at the port it had before, if it had one."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Be gone."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        said = self.answers.pop(0) if self.answers else 200
        body = await request.read()
        self.got.append((dict(request.headers), body))
        if said == "hang":
            await asyncio.sleep(5)
        if isinstance(said, str) and said.startswith("http"):
            return web.Response(status=302, headers={"location": said})
        if said == "long":
            return web.Response(status=200, body=b"x" * 1_000_000)
        return web.Response(status=said if isinstance(said, int) else 200, text="thanks")

    @property
    def data(self) -> list[dict[str, Any]]:
        """What was told of items, in the order in which it came."""
        return [json.loads(body)["data"] for _, body in self.got]

    @property
    def ids(self) -> list[str]:
        """The ids of what came."""
        return [one["webhook-id"] for one, _ in self.got]


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether a message comes from who has the secret, as docs/webhooks.md says."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = [one.removeprefix("v1,") for one in headers["webhook-signature"].split(" ")]
    return any(hmac.compare_digest(wanted, one) for one in given)
