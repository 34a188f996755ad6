"""Webhooks: places elsewhere that are told of actions on items, as Standard Webhooks has it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..core.catalog import Catalog
from ..core.events import Event
from ..core.limits import (
    WEBHOOK_BODY_BYTES_MAX,
    WEBHOOK_TOLD_CHARS_MAX,
)
from ..core.record import record
from ..core.saved import Webhook
from .app import App, View
from .consumers import DeliveryError, FinalError, RetriableError
from .event_data import event_data, read_event

if TYPE_CHECKING:
    from .guarded import GuardedClient

NAME: Final = "webhooks"
FRESH_S: Final = 1.0  # what was read before that is read again: rights may have changed
_GONE: Final = 410  # the receiver wants no more of this
_encode = msgspec.json.Encoder().encode


def make_secret(key: bytes, webhook: Webhook, number: int | None = None) -> bytes:
    """A secret of a webhook, of the secret of the database: it is kept nowhere."""
    counted = webhook.secret_number if number is None else number
    return hmac.digest(key, f"webhook:{webhook.id}:{counted}".encode(), hashlib.sha256)


def show_secret(key: bytes, webhook: Webhook) -> str:
    """The present secret as its owner keeps it."""
    return f"whsec_{base64.b64encode(make_secret(key, webhook)).decode()}"


def sign(key: bytes, webhook: Webhook, message: bytes) -> str:
    """`v1,…` by the present secret and the one before it, so that it can be changed in peace."""
    numbers = range(webhook.secret_number, max(-1, webhook.secret_number - 2), -1)
    return " ".join(
        f"v1,{base64.b64encode(_digest(make_secret(key, webhook, one), message)).decode()}"
        for one in numbers
    )


def _digest(secret: bytes, message: bytes) -> bytes:
    return hmac.digest(secret, message, hashlib.sha256)


def lane_of(webhook: Webhook) -> str:
    """Where the relay keeps deliveries to a webhook."""
    return f"{NAME}:{webhook.id}"


@record
class _Letter:
    """What a webhook is sent."""

    webhook: Webhook
    body: bytes


_Letters = dict[str, _Letter | None]  # by event; None: there is no such webhook


@record
class _Reading:
    """Letters that are written together, and when that was begun."""

    letters: asyncio.Task[_Letters]
    at: float  # s


class Webhooks:
    """The consumer of events that calls webhooks."""

    name = NAME
    concurrency = 8
    keeps = True
    gives_way = True

    def __init__(self, app: App) -> None:
        self._app = app
        self.timeout_s = app.config.webhook_seconds + 1.0  # the client gives up before
        self._expected: dict[str, dict[str, _Reading]] = {}  # by target and event
        self._client: GuardedClient | None = None

    @property
    def client(self) -> GuardedClient:
        """Made when it is first wanted: servers without webhooks start sooner."""
        if self._client is None:
            from .guarded import GuardedClient  # noqa: PLC0415  only what is used

            config = self._app.config
            self._client = GuardedClient(config.webhook_networks, seconds=config.webhook_seconds)
        return self._client

    async def close(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.close()

    def targets_of(self, catalog: Catalog) -> list[str]:
        """The webhooks of the workspace."""
        return [
            webhook.id
            for project in catalog.projects
            for datastore in project.datastores
            for webhook in datastore.webhooks
            if webhook.is_enabled
        ]

    def wants(self, event: Event, catalog: Catalog) -> tuple[str, ...]:
        """The webhooks that are told of the event's action."""
        datastore = catalog.find_datastore(event.datastore) if event.action else None
        if datastore is None or not datastore.webhooks:
            return ()
        return tuple(
            one.id
            for one in datastore.webhooks
            if one.is_enabled and (one.actions is None or event.action in one.actions)
        )

    def expect(self, events: Sequence[Event], target: str) -> None:
        """Write what each of them is told of in one read for each user that acted."""
        at = time.monotonic()
        old = self._expected.get(target, {})
        coming = {key: one for key, one in old.items() if _is_fresh(one, at)}
        acted: dict[str, list[Event]] = {}
        for one in events:
            acted.setdefault(one.user, []).append(one)
        for own in acted.values():
            letters = asyncio.get_running_loop().create_task(self._read(own, target))
            letters.add_done_callback(_heed)
            coming |= dict.fromkeys([one.id for one in own], _Reading(letters, at))
        self._expected[target] = coming

    async def _read(self, events: Sequence[Event], target: str) -> _Letters:
        """Of events of one user. Raises RetriableError, FinalError."""
        return await read_event(
            self._app, events[0], lambda view: {one.id: _write(view, one, target) for one in events}
        )

    async def _letter(self, event: Event, target: str) -> _Letter | None:
        """What an event is told of in: as it was just read with others, or read now."""
        coming = self._expected.get(target, {})
        reading = coming.pop(event.id, None)
        if not coming:
            self._expected.pop(target, None)
        if reading is not None and _is_fresh(reading, time.monotonic()):
            with suppress(DeliveryError):  # another's fault, perhaps
                return (await asyncio.shield(reading.letters))[event.id]
        return (await self._read([event], target))[event.id]

    async def deliver(self, event: Event, target: str) -> str:
        """Post the event's `data` to a webhook; what was said, as JSON."""
        letter = await self._letter(event, target)
        if letter is None:
            return ""
        return await self._post(event, letter)

    async def _post(self, event: Event, letter: _Letter) -> str:
        from .guarded import BlockedError, UnreachedError  # noqa: PLC0415

        log: dict[str, Any] = {
            "url": letter.webhook.url,
            "request": letter.body[:WEBHOOK_TOLD_CHARS_MAX].decode("utf-8", "replace"),
        }
        if len(letter.body) > WEBHOOK_BODY_BYTES_MAX:
            words = f"the body has over {WEBHOOK_BODY_BYTES_MAX} bytes"
            raise FinalError(words, _encode(log).decode())
        stamp = str(self._app.clock.now_ms() // 1_000)
        message = f"{event.id}.{stamp}.".encode() + letter.body
        headers = {
            "content-type": "application/json",
            "user-agent": "Hikidashi-Webhooks/1",
            "webhook-id": event.id,
            "webhook-timestamp": stamp,
            "webhook-signature": sign(self._app.store.signing_key, letter.webhook, message),
        }
        try:
            reply = await self.client.post(letter.webhook.url, letter.body, headers)
        except BlockedError as error:
            raise FinalError(str(error), _encode(log).decode()) from error
        except UnreachedError as error:
            raise RetriableError(str(error), _encode(log).decode()) from error
        log |= {"status": reply.status, "answer": reply.body.decode("utf-8", "replace")}
        told = _encode(log).decode()
        if reply.status == _GONE:
            raise FinalError("answered 410: it wants no more", told)
        if not 200 <= reply.status < 300:
            raise RetriableError(f"answered {reply.status}", told)
        return told


def _is_fresh(reading: _Reading, now: float) -> bool:
    return now < reading.at + FRESH_S


def _heed(letters: asyncio.Task[_Letters]) -> None:
    """A read that failed says so to those who ask for a letter of it; there may be none."""
    if not letters.cancelled():
        letters.exception()


def _write(view: View, event: Event, target: str) -> _Letter | None:
    """What a webhook is sent of an event; None if there is no such webhook any more."""
    datastore = view.catalog.find_datastore(event.datastore)
    webhook = datastore.find_webhook(target) if datastore is not None else None
    if datastore is None or webhook is None or not webhook.is_enabled:
        return None
    return _Letter(webhook, _encode({"data": event_data(view, datastore, event)}))
