"""Two workspaces alike but for their ids, and the things in them that calls name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hikidashi.core.access import Identity
from hikidashi.core.events import Event, EventKind
from hikidashi.storage.deliveries import Wanted, insert_deliveries
from tests.api.calls_table import Proper
from tests.api.rest import Reply, Rest
from tests.deterministic import START_MS, FixedClock, fixed_ids
from tests.files.papers import FORM, form

WORLD = Path(__file__).parent.parent / "worlds" / "sealed.yaml"
V0 = "/api/v0"
OURS, THEIRS = "67a", "67b"  # what the ids in each workspace begin with
NAMED = {  # what a definition is called in both workspaces, and the end of its id
    "$app": ("DESK", "c1"),
    "$store": ("NOTES", "e1"),
    "$there_app": ("DESK", "c1"),  # the same once more, where a body names them
    "$there": ("NOTES", "e1"),
    "$field": ("text", "601"),
    "$choice": ("size", "603"),
    "$paper": ("paper", "604"),
    "$number": ("number", "605"),
    "$option": ("S", "701"),
    "$status": ("New", "501"),
    "$create": ("Create", "801"),
    "$update": ("Update", "802"),
    "$delete": ("Delete", "803"),
    "$shelf": ("SHELF", "e2"),
    "$shelving": ("Create", "811"),
    "$binding": ("Bind", "812"),
    "$role": ("MEMBER", "d2"),
    "$reader": ("READER", "d3"),
    "$group": ("EAST", "b2"),
    "$report": ("sizes", "911"),
    "$chart": ("sizes", "921"),
    "$function": ("same", "931"),
    "$schedule": ("nightly", "941"),
    "$query": ("usual", "901"),
}
ENDS = {"$w": "f1", "$user": "a3"}  # the ends of other ids
TEXTS = {"$group_name": "EAST", "$role_name": "MEMBER", "$column": "size", "$table": "1"}
KEYS = {OURS: "key-of-our-own-desk", THEIRS: "key-of-their-own-desk"}
CODES = {OURS: "oursealedone", THEIRS: "theirsealed1"}
MAKERS = {OURS: "kim", THEIRS: "zoe"}  # who makes what has to be there
SHEET = form(("no_queue", b"true"), ("file", b"text\nx\n", "a.csv"))


def id_in(side: str, end: str) -> str:
    """The id in a workspace that ends so."""
    return side + end.rjust(21, "0")


class Sealed(Rest):
    """Both workspaces, with an application over them."""

    counted = 0
    _end_token = ""

    def fresh(self) -> str:
        """A name that nothing had before, always of the same length."""
        self.counted += 1
        return f"new-{self.counted:05d}"

    def signed_in(self) -> str:
        """The token of an end user of our application."""
        if not self._end_token:
            body = {"email": f"{self.fresh()}@sealed.test", "password": "abcdef1"}
            for call in ("SignUp", "SignIn"):
                path = f"/autodev/CustomTableValue/{call}/{CODES[OURS]}"
                self._end_token = self.call("POST", path, body, token="").json["Data"]
        return self._end_token

    def send(self, one: Proper, words: dict[str, Any], user: str = "kim", **more: Any) -> Reply:
        """A proper call with things for its words; of HotTask by the key, unless `token` is given."""
        path, body = one.filled({word: words[word] for word in one.words})
        if one.form is not None:
            more["headers"] = FORM
        if one.auth == "none":
            more["token"] = ""
        if one.auth == "hottask" and "token" not in more:
            more |= {"token": "", "headers": {"customauth": KEYS[OURS]}}
            if one.name.endswith(".GetUser"):
                more = {"token": f"Bearer {self.signed_in()}"}
        reply = self.call(one.method, path, body, user=user, **more)
        if one.name in ("Logout", "SetPassword") and reply.status == 200:
            self._tokens.pop(user, None)
        return reply


class Things(dict[str, Any]):
    """What words stand for in a workspace; what has to be made is made when it is first wanted.

    Things that only their maker may go on with are the caller's, if the caller may make them.
    """

    def __init__(self, world: Sealed, side: str, caller: str = "", *, by_id: bool = False) -> None:
        self._world = world
        self._side = side
        self._maker = MAKERS[side]
        self._caller = caller or self._maker
        self._by_id = by_id
        self._store = id_in(side, "e1")
        self._app = f"applications/{id_in(side, 'c1')}"
        self._notes = f"{self._app}/datastores/{self._store}"

    def __missing__(self, word: str) -> Any:
        """Find or make what a word stands for."""
        self[word] = self._found(word)
        return self[word]

    def _found(self, word: str) -> Any:
        name = word.removesuffix("_id")
        if name in NAMED:
            display_id, end = NAMED[name]
            return id_in(self._side, end) if self._by_id or name != word else display_id
        if word in ENDS:
            return id_in(self._side, ENDS[word])
        return TEXTS.get(word) or getattr(self, f"_{word[1:]}")()

    def _ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """A call that has to be answered well; what is answered."""
        more = {"user": self._maker, **more}
        reply = self._world.call(method, f"{V0}/{path}", body, **more)
        assert reply.status == 200, (method, path, reply.body)
        return reply.json

    def _own(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The same by the caller, or else by who may."""
        reply = self._world.call(method, f"{V0}/{path}", body, user=self._caller, **more)
        return reply.json if reply.status == 200 else self._ask(method, path, body, **more)

    def _code(self) -> str:
        return CODES[self._side]

    # --- people and mails -----------------------------------------------------------------------

    def _new_name(self) -> str:
        return self._world.fresh()

    def _address(self) -> str:
        return f"{self._caller}@sealed.test"

    def _password(self) -> str:
        return f"{self._caller}-password"

    def _me(self) -> str:
        return str(self._ask("GET", "userinfo", user=self._caller)["u_id"])

    def _new_address(self) -> str:
        return f"{self._world.fresh()}@sealed.test"

    def _new_group(self) -> str:
        body = {"name": "Group", "display_id": self._world.fresh()}
        return str(self._ask("POST", f"groups/{id_in(self._side, 'b1')}", body)["group"]["g_id"])

    def _joined(self) -> str:
        """Somebody in the new group."""
        email = {OURS: "eve", THEIRS: "zed"}[self._side] + "@sealed.test"
        body = {"email": email, "g_id": self["$new_group"]}
        return str(self._ask("POST", "users", body)["user_profile"]["u_id"])

    def _mailed(self, to: str) -> str:
        """What the link of the last mail to an address ends in."""
        sql = "SELECT body FROM mails WHERE recipient = ? ORDER BY id"
        found = re.search(r"https?://\S+?[/=]([0-9a-f]{64})", self._world.rows(sql, to)[-1][0])
        assert found is not None
        return found[1]

    def _registering_address(self) -> str:
        return self._new_address()

    def _registering(self) -> str:
        address = self["$registering_address"]
        body = {"email": address, "username": "New"}
        body |= {"registration_domain": "localhost", "hostname": "api.test"}
        self._ask("POST", "users/registration", body, token="")
        return self._mailed(address)

    def _forgotten(self) -> str:
        body = {"confirmation_id": self["$registering"], "email": self["$registering_address"]}
        self._ask("POST", "users/registration/confirm", body | {"password": "abcdef1"}, token="")
        self._ask("POST", "users/password/forgot", {"email": body["email"]}, token="")
        return self._mailed(body["email"])

    def _changing(self) -> str:
        address = self._new_address()
        self._own("POST", "users/email", {"email": address})
        return self._mailed(address)

    def _open(self) -> str:
        """What an operator has opened to everybody."""
        path = f"{V0}/{self._notes}/items/details/{self['$item']}"
        user, workspace = (id_in(self._side, end) for end in ("a5", "f1"))
        identity = Identity(user, workspace, id_in(self._side, "c1"), may_write=False)
        self._world.run(self._world.app.identities.open_call("GET", path, identity))
        return path

    def _end_address(self) -> str:
        """Of somebody who has signed up."""
        address = self._new_address()
        body = {"email": address, "password": "abcdef1"}
        self._come("SignUp", body)
        return address

    def _end_number(self) -> int:
        """What the table User shows of somebody who has signed up."""
        sql = "SELECT n FROM end_users WHERE address = ?"
        return int(self._world.rows(sql, self._end_address())[0][0])

    def _end_secret(self) -> str:
        address = self._end_address()
        self._come("SendResetPasswordEmail", {"email": address})
        return self._mailed(address)

    def _come(self, call: str, body: Any) -> None:
        path = f"/autodev/CustomTableValue/{call}/{CODES[self._side]}"
        reply = self._world.call("POST", path, body, token="")
        assert reply.json["Success"], (path, reply.body)

    # --- the design -----------------------------------------------------------------------------

    def _new_app(self) -> str:
        """An application that Dan designs too."""
        made = str(self._ask("POST", "applications", {"name": "New"})["project_id"])
        if self._side == OURS:
            body = {"user_id": id_in(OURS, "a2"), "role_id": "ADMIN"}
            self._ask("POST", f"applications/{made}/userroles", body)
        return made

    def _new_store(self) -> str:
        return str(self._ask("POST", f"{self._app}/datastores", {"name": "New"})["datastore_id"])

    def _key(self) -> str:
        body = {"name": self._world.fresh(), "roles": [id_in(self._side, "d2")]}
        return str(self._ask("POST", f"{self._app}/keys", body)["key_id"])

    def _new_status(self) -> str:
        made = self._ask("POST", f"datastores/{self._store}/statuses", {"name": "New"})
        return str(made["status_id"])

    def _new_action(self) -> str:
        body = {"name": "New", "operation": "update"}
        return str(self._ask("POST", f"datastores/{self._store}/actions", body)["action_id"])

    def _new_hook(self) -> str:
        made = self._ask("POST", f"{self._notes}/webhooks", {"url": "https://hook.test/"})
        return str(made["webhook_id"])

    def _new_relation(self) -> str:
        body = {"to": {"datastore": self._store}}
        return str(self._ask("POST", f"{self._notes}/relations", body)["relation_id"])

    def _new_function(self) -> str:
        body = {"script": "(data) => 1"}
        return str(self._ask("POST", f"{self._app}/functions", body)["function_id"])

    def _new_schedule(self) -> str:
        body = {"datastore": self._store, "action": "Update", "cron": "0 3 * * *"}
        made = self._ask("POST", f"{self._app}/schedules", body | {"query": "usual"})
        return str(made["schedule_id"])

    def _sent(self) -> str:
        """An event that is on its way to the new webhook."""
        id_ = self._world.app.ids.next_id()
        event = Event(
            *(
                id_,
                EventKind.UPDATED,
                id_in(self._side, "f1"),
                "",
                self._store,
                id_,
                1,
                1,
                "",
                0,
                "",
            )
        )
        wanted = [Wanted(id_, f"webhooks:{self['$new_hook']}", event)]
        store = self._world.app.store
        self._world.run(store.change(lambda one: insert_deliveries(one, wanted, START_MS)))
        return id_

    def _scripted(self) -> str:
        """An action with a script."""
        action = self._new_action()
        body = form(("script_type", b"pre"), ("file", b"// nothing", "a.js"))
        self._ask("POST", f"actions/{action}/actionscripts/upload", body, headers=FORM)
        return action

    def _new_field(self) -> str:
        body = {"name": "New", "dataType": "text"}
        return str(self._ask("POST", f"{self._notes}/fields", body)["field_id"])

    def _new_lookup(self) -> str:
        info = {"dslookup_datastore_id": self._store, "dslookup_field_id": "text"}
        body = {"name": "New", "dataType": "dslookup", "dslookup_info": info}
        return str(self._ask("POST", f"{self._notes}/fields", body)["field_id"])

    def _new_option(self) -> str:
        name = self._world.fresh()
        body = {"options": [{"name": name, "display_id": name}]}
        self._ask("POST", f"{self._notes}/fields/size/options", body)
        return name

    def _deleted(self) -> str:
        self._ask("DELETE", f"{self._notes}/fields/{self._new_field()}")
        found = self._ask("GET", f"workspaces/{id_in(self._side, 'f1')}/deleted")
        return str(found["deleted"][0]["id"])

    def _template(self) -> str:
        body = {"project_id": id_in(self._side, "c1"), "name": "Desk"}
        made = self._ask("POST", "templates", body)
        for _ in range(1_000):
            [task] = self._ask("GET", f"tasks?stream_id={made['stream_id']}").values()
            if task["finished_at"] is not None:
                break
            self._world.run(asyncio.sleep(0.005))
        return str(made["tp_id"])

    def _zip(self) -> bytes:
        path = f"{V0}/templates/{self['$template']}/download"
        return self._world.call("GET", path, user=self._maker).body

    # --- items ----------------------------------------------------------------------------------

    def _item(self) -> str:
        return self._made({"text": "words", "amount": 1, "size": "S"})

    def _made(self, values: dict[str, Any]) -> str:
        return str(self._ask("POST", f"{self._notes}/items/new", {"item": values})["item_id"])

    def _peer(self) -> str:
        return self._made({"text": "peer"})

    def _book(self) -> str:
        """An item of the other datastore."""
        path = f"{self._app}/datastores/{id_in(self._side, 'e2')}/items/new"
        return str(self._ask("POST", path, {"item": {"name": "book"}})["item_id"])

    def _linked(self) -> str:
        """What the item is linked to."""
        peer = self._made({"text": "linked"})
        body = {"link_datastore_id": self._store, "link_item_id": peer}
        self._ask("POST", f"{self._notes}/items/addlink/{self['$item']}", body)
        return peer

    def _row(self) -> int:
        """The item's number."""
        sql = f"SELECT n FROM i_{self._store} WHERE id = ?"
        return int(self._world.rows(sql, self["$item"])[0][0])

    def _comment(self) -> str:
        """A comment on the item."""
        self._own("POST", f"{self._notes}/items/histories/{self['$item']}", {"comment": "words"})
        sql = "SELECT id FROM histories WHERE item_id = ? ORDER BY seq"
        return str(self._world.rows(sql, self["$item"])[-1][0])

    def _reserved(self) -> str:
        return str(self._own("POST", f"datastores/{self._store}/items/create-id")["item_id"])

    def _loose(self) -> str:
        """A file that no item holds."""
        body = form(("fileName", b"loose.txt"), ("file", b"loose", "x"))
        return str(self._own("POST", "files", body, headers=FORM)["file_id"])

    def _held(self) -> str:
        """A file of `$filed`."""
        body = form(("fileName", b"held.txt"), ("file", b"held", "x"))
        return str(self._ask("POST", "files", body, headers=FORM)["file_id"])

    def _shown(self) -> str:
        """A file that an item holds."""
        return str(self["$held"]) if self["$filed"] else ""

    def _file_number(self) -> int:
        """What HotTask calls the file that an item holds."""
        return int(self._world.rows("SELECT n FROM files WHERE id = ?", self["$shown"])[0][0])

    def _hottask(self, verb: str, body: Any) -> Any:
        """What a call of HotTask answers to the key of the project."""
        path = f"/autodev/CustomTable/{verb}/{CODES[self._side]}"
        head = {"customauth": KEYS[self._side]}
        return self._world.call("POST", path, body, token="", headers=head).json["Data"]

    def _uploading(self) -> str:
        """The secret of a file that is announced."""
        told = self._hottask("GetPreUploadUrl", {"filename": "a.txt"})
        return str(told["PreUploadUrl"].rpartition("/")[2])

    def _file_link(self) -> str:
        """The end of a link to the file that an item holds."""
        told = self._hottask("GetFileStaticUrl", {"fileId": self["$file_number"]})
        return str(told.rpartition("/")[2])

    def _filed(self) -> str:
        return self._made({"text": "filed", "paper": [self["$held"]]})

    def _import(self) -> str:
        made = self._own("POST", f"{self._notes}/import", SHEET, headers=FORM)
        return str(made["temp_datastore_id"])

    def _task(self) -> str:
        made = self._own("POST", f"{self._notes}/import", SHEET, headers=FORM)
        return str(made["stream_id"])


@contextmanager
def open_sealed(url: str, folder: Path, people: tuple[str, ...]) -> Iterator[Sealed]:
    """Both workspaces in the database of an engine, and some people who have logged in."""
    clock = FixedClock()
    with asyncio.Runner() as runner:
        settings = {"files": str(folder / "files")}
        made = Sealed(url, clock, fixed_ids(clock), runner, WORLD, "", **settings)
        for name in people:
            made.token(name)
        yield made
        made.close()
