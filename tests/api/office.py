"""The office: people in groups, two applications, and a workspace of strangers beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hikidashi.core.access import Identity
from tests.api.rest import Reply, Rest
from tests.deterministic import FixedClock, fixed_ids

WORLD = Path(__file__).parent.parent / "worlds" / "office.yaml"
W, STRANGE = "66a000000000000000000001", "66a000000000000000000002"
ALL, SALES, EAST, STORE = (f"66a0000000000000000000b{one}" for one in range(1, 5))
ANN, BOB, EVE, DAN, KIM, GUS = (f"66a0000000000000000000a{one}" for one in range(1, 7))
DESK = "66a0000000000000000000c1"
NOTES = "/api/v0/applications/DESK/datastores/NOTES"
KEPT = (
    *("workspaces", "definitions", "users", "members", "group_members", "user_roles"),
    *("group_roles", "tokens", "audit", "mails", "confirmations"),
)


class Office(Rest):
    """Who calls is Ann, the administrator, unless a call says otherwise."""

    counted = 0
    reading = ""  # a token for reading

    def fresh(self) -> str:
        """A number that no one had before."""
        self.counted += 1
        return str(self.counted)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """A call, with its path after /api/v0/."""
        return self.call(method, f"/api/v0/{path}", body, **more)

    def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The same where it has to be answered well; what is answered."""
        reply = self.ask(method, path, body, **more)
        assert reply.status == 200, reply.body
        return reply.json

    def make_group(self, parent: str = "ALL") -> str:
        """A group; its id."""
        body = {"name": "Group", "display_id": f"group-{self.fresh()}"}
        return str(self.done("POST", f"groups/{parent}", body)["group"]["g_id"])

    def make_token(self, user: str, *, may_write: bool, project: str = DESK) -> str:
        """An API token of a user."""
        identity = Identity(user, W, project, may_write)
        return self.run(self.app.identities.create_token("test", identity))[1]

    def rows_changed(self, sql: str, *params: Any) -> None:
        """Change what the database holds, past the application."""
        self.run(self.app.store.change(lambda connection: connection.query(sql, params)))

    def kept(self) -> list[Any]:
        """All that the database holds of definitions and people."""
        return [sorted(self.rows(f"SELECT * FROM {one}"), key=repr) for one in KEPT]


@contextmanager
def open_office(url: str, **settings: Any) -> Iterator[Office]:
    """The application with the office in it."""
    clock = FixedClock()
    with asyncio.Runner() as runner:
        made = Office(url, clock, fixed_ids(clock), runner, WORLD, NOTES, **settings)
        for name in ("ann", "bob", "eve", "zoe"):
            made.token(name)
        yield made
        made.close()
