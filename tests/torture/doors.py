"""Ways to a store: in this process, or over HTTP in the Hexabase dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from hikidashi.core.access import Identity
from hikidashi.core.commands import AddLink, Command, Entry, Op, RemoveLinks, TakeNumber, WriteItem
from hikidashi.core.errors import FaultError, FaultKind
from hikidashi.core.plan import LinkResult, NumberResult, Result, WriteResult
from hikidashi.storage.idempotency import Remember, Replay
from hikidashi.storage.store import Store
from hikidashi.storage.telling import Telling, Told

from .ledger import NO_REPLY, Reply, Verdict
from .world import TOKEN

PATIENCE_SECONDS = 30.0
NOT_KNOWN = "is not known"  # in the 503 of a write whose COMMIT was lost
HTTP_STATUS = {
    FaultKind.CONFLICT: 409,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.NO_ITEM: 404,
    FaultKind.NO_LINK: 404,
    FaultKind.NO_PLACE: 404,
    FaultKind.KEY_REUSED: 422,
}


class StoreDoor:
    """Straight to the store."""

    def __init__(self, store: Store, me: Identity) -> None:
        self._store = store
        self._me = me

    async def send(self, command: Command, key: str = "") -> Reply:
        """Submit it."""
        remember = Remember(key, key, _encode_outcome) if key else None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                outcome = await self._store.submit(self._me, command, Telling(remember))
        except TimeoutError:
            return Reply(Verdict.UNKNOWN, 599, f"no answer in {PATIENCE_SECONDS} s")
        except FaultError as error:
            text = "; ".join(f"{one.error}: {one.description}" for one in error.faults)
            status = HTTP_STATUS.get(error.kind, 400)
            return Reply(_verdict(status, text), status, text)
        except Exception as error:  # noqa: BLE001  what a server answers 500
            return Reply(Verdict.UNKNOWN, 500, repr(error))
        if isinstance(outcome, Told):
            raise TypeError(outcome)
        if isinstance(outcome, Replay):
            return msgspec.convert(msgspec.json.decode(outcome.answer), Reply)
        return _of_result(outcome)


def _encode_outcome(outcome: Result | FaultError) -> tuple[int, str]:
    if isinstance(outcome, FaultError):
        status = HTTP_STATUS.get(outcome.kind, 400)
        reply = Reply(_verdict(status, ""), status)
    else:
        reply = _of_result(outcome)
    return reply.status, msgspec.json.encode(reply).decode()


def _of_result(result: Result) -> Reply:
    match result:
        case WriteResult():
            history = result.history
            return Reply(Verdict.DONE, 200, "", history.item, history.id, history.rev)
        case NumberResult():
            return Reply(Verdict.DONE, 200, result.text, number=result.number)
        case LinkResult():
            return Reply(Verdict.DONE, 200)


def _verdict(status: int, text: str) -> Verdict:
    if status == 200:
        return Verdict.DONE
    if status >= 500 and (status != 503 or NOT_KNOWN in text):
        return Verdict.UNKNOWN
    return Verdict.REFUSED


class HttpDoor:
    """One connection, kept alive, one request at a time."""

    def __init__(self, port: int, token: str = TOKEN, patience: float = PATIENCE_SECONDS) -> None:
        self.port = port
        self._token = token
        self._patience = patience
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, command: Command, key: str = "") -> Reply:
        """Send it as the dialect has it."""
        method, path, body = _encode(command)
        headers = {"idempotency-key": key} if key else {}
        try:
            async with asyncio.timeout(self._patience):
                status, answer = await self.request(method, path, body, headers)
        except TimeoutError:
            self.close()
            return Reply(Verdict.UNKNOWN, 599, f"no answer in {self._patience} s")
        except (OSError, EOFError):
            self.close()
            return NO_REPLY
        return _decode(command, status, answer)

    async def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One exchange. Raises OSError or EOFError if the connection is lost."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        sent = b"" if body is None else msgspec.json.encode(body)
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(sent)}"]
        lines += [f"authorization: Bearer {self._token}", "content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join((*lines, "", "")).encode() + sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        told = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        answer = await reader.readexactly(int(told.get("content-length", "0")))
        if told.get("connection") == "close":
            self.close()
        return status, answer

    def close(self) -> None:
        """Let the connection go; the next request opens another one."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def _base(project: str, datastore: str) -> str:
    return f"/api/v0/applications/{project}/datastores/{datastore}"


def _encode(command: Command) -> tuple[str, str, object]:
    match command:
        case WriteItem(entry=entry):
            return _encode_write(command, entry)
        case TakeNumber():
            base = _base(command.project, command.datastore)
            path = f"{base}/fields/{command.field}/autonum?branch_key={command.branch}"
            return "GET", path, None
        case AddLink():
            base = _base(command.project, command.datastore)
            body = {
                "link_datastore_id": command.link_datastore,
                "link_item_id": command.link_item,
            }
            return "POST", f"{base}/items/addlink/{command.item}", body
        case RemoveLinks():
            base = _base(command.project, command.datastore)
            body = {"link_datastore_id": command.link_datastore}
            return "DELETE", f"{base}/items/dellink/{command.item}", body
        case _:
            raise TypeError(command)


def _encode_write(command: WriteItem, entry: Entry) -> tuple[str, str, object]:
    base = _base(command.project, entry.datastore)
    if entry.operation is Op.DELETE:
        return "DELETE", f"{base}/items/delete/{entry.item}", {}
    body: dict[str, Any] = {
        "item": dict(entry.values),
        "comment": command.comment,
        "is_force_update": command.force,
        "ensure_transaction": command.all_or_nothing,
        "use_display_id": True,
    }
    if entry.related:
        related: dict[str, list[object]] = {}
        for one in entry.related:
            related.setdefault(one.datastore, []).append(_encode_related(one))
        body["related_ds_items"] = related
    if entry.operation is Op.NEW:
        return "POST", f"{base}/items/new", body
    if entry.revision is not None:
        body["rev_no"] = entry.revision
    return "POST", f"{base}/items/edit/{entry.item}", body


def _encode_related(entry: Entry) -> dict[str, object]:
    body: dict[str, object] = {"operation": int(entry.operation), "item": dict(entry.values)}
    if entry.item:
        body["i_id"] = entry.item
    if entry.link_to_parent:
        body["link_to_parent"] = True
    return body


def _decode(command: Command, status: int, answer: bytes) -> Reply:
    text = answer.decode("utf-8", "replace")
    if status != 200:
        return Reply(_verdict(status, text), status, text)
    if isinstance(command, AddLink | RemoveLinks):
        return Reply(Verdict.DONE, status)
    told = msgspec.json.decode(answer)
    if isinstance(command, TakeNumber):
        return Reply(Verdict.DONE, status, told["result"]["value"], number=told["result"]["number"])
    if isinstance(command, WriteItem) and command.entry.operation is Op.DELETE:
        return Reply(Verdict.DONE, status, item=command.entry.item)
    if "itemHistory" in told:
        history, rev = told["itemHistory"], told["rev_no"]["rev_no"]
        return Reply(Verdict.DONE, status, "", history["item_id"], history["history_id"], rev)
    return Reply(Verdict.DONE, status, "", told["item_id"], told["history_id"], 1)
