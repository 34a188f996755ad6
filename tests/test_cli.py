"""The command line: what it teaches, what it does, and how it says no."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import click
import pytest

from hikidashi import __version__
from hikidashi.cli import cli, opening
from hikidashi.config import SETTINGS
from tests.command_line import CommandLine, quiet_logging
from tests.waiting import first_line, join_all

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "src" / "hikidashi" / "worlds" / "demo.yaml"


def _names(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            if not one.hidden:
                yield from _names(one, (*words, name))


COMMANDS = list(_names(cli))
# Their examples stand one level up.
WITHOUT_EXAMPLE = [("schema", "plan"), ("schema", "export")]


@pytest.fixture
def line(tmp_path, monkeypatch) -> Iterator[CommandLine]:
    monkeypatch.chdir(tmp_path)
    with quiet_logging():
        yield CommandLine(f"sqlite:///{tmp_path / 'h.db'}")


# --- help -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does(line, words):
    text = line.done(*words, "--help")
    assert text.startswith(f"Usage: hikidashi {' '.join(words)}".rstrip())
    assert line.done(*words, "-h") == text


@pytest.mark.parametrize(
    "words",
    [one for one in COMMANDS if one not in WITHOUT_EXAMPLE],
    ids=" ".join,
)
def test_help_shows_an_example(line, words):
    assert f"  hikidashi {' '.join(words)}" in line.done(*words, "--help")


def test_the_version_is_told(line):
    assert line.done("--version") == f"hikidashi {__version__}\n"


def test_settings_are_shown_with_the_values_in_use(line):
    shown = dict(one.split("=", 1) for one in line.done("settings").splitlines())
    assert list(shown) == [one.variable for one in SETTINGS]
    assert shown["HIKIDASHI_DATABASE"].endswith("/h.db")
    assert line.done("--database", "sqlite:///x.db", "settings").startswith(
        "HIKIDASHI_DATABASE=sqlite:///x.db\n"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(line, shell):
    assert f"_HIKIDASHI_COMPLETE={shell}_source hikidashi" in line.done("completion", shell)
    asked = {"COMP_WORDS": "hikidashi us", "COMP_CWORD": "us" if shell == "fish" else "1"}
    told = line(_HIKIDASHI_COMPLETE=f"{shell}_complete", **asked)
    assert (told.exit_code, "user" in told.stdout) == (0, True)
    assert "script" not in line("completion", "csh").stdout


def test_the_page_of_commands_is_what_their_help_says(line):
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert line.done("commands") == page, "write it anew: hikidashi commands > docs/commands.md"
    codes = re.findall(r"^\| (\d) \|", page, re.MULTILINE)
    told = {opening.REFUSED, opening.USAGE, opening.WRONG, opening.UNREACHABLE, opening.UNFORESEEN}
    assert [int(one) for one in codes] == [0, *sorted(told)]


def test_what_nobody_foresaw_ends_with_a_code_of_its_own(line, monkeypatch):
    monkeypatch.setattr("hikidashi.cli.tokens.list_tokens", lambda _: {}["x"])
    assert "something unforeseen went wrong (KeyError" in line.ended(5, "token", "list")


def test_serving_does_not_wait_for_what_only_tables_need():
    told = "import sys, hikidashi.cli, hikidashi.api.app; print('rich' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-c", told]
    done = subprocess.run(
        words, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "False\n"


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("settings",), "HIKIDASHI_PORT must be a whole number from 0 to 65535, not 'x'"),
        (("serve",), "HIKIDASHI_PORT must be a whole number from 0 to 65535, not 'x'"),
    ],
)
def test_a_bad_setting_is_named(line, words, sentence):
    assert sentence in line.ended(2, *words, HIKIDASHI_PORT="x")


@pytest.mark.parametrize(
    ("code", "words", "sentence"),
    [
        (2, ("--database", "mysql://db/x", "check"), "HIKIDASHI_DATABASE must be sqlite:///PATH"),
        (2, ("serve", "--processes", "2"), "one process at a time writes an SQLite file"),
        (1, ("serve", "--host", "256.0.0.1"), "can't listen on 256.0.0.1:8000"),
        (2, ("schema", "apply", "none.yaml"), "'none.yaml' does not exist"),
        (1, ("user", "set-password", "nobody@x.test", "--stdin"), "nobody has the address"),
        (1, ("token", "revoke", "6560c1a2f3b4c5d6e7f80912"), "there is no token"),
        (1, ("token", "create", "x", "--user", "a@x", "--project", "p"), "nobody has the address"),
        (2, ("token", "create", "x"), "Missing option '--user'"),
        (1, ("backup", "copy.db"), "there is no database at"),
        (2, ("nonsense",), "No such command 'nonsense'"),
        (
            4,
            ("--database", "postgresql://127.0.0.1:1/x?connect_timeout=2", "token", "list"),
            "the database can't be reached",
        ),
        (
            4,
            ("--database", "postgresql://127.0.0.1:1/x?connect_timeout=2", "serve"),
            "the database can't be reached",
        ),
        (1, ("--database", "postgresql://db/x", "backup", "--sqlite-copy", "copy.db"), "pg_dump"),
    ],
)
def test_what_can_not_be_done_is_refused_in_a_sentence(line, code, words, sentence):
    assert sentence in line.ended(code, *words, stdin="a-password\n")


def test_a_port_that_is_taken_is_named(line):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"can't listen on 127.0.0.1:{port}" in line.refused("serve", "--port", str(port))


def test_a_file_that_is_no_database_is_refused(line, tmp_path):
    (tmp_path / "h.db").write_text("this is not a database, and long enough to be looked at" * 99)
    assert "the database can't be reached" in line.ended(4, "token", "list")
    result = line("check")
    assert (result.exit_code, "wrong" in result.stdout) == (3, True)


def test_a_database_of_a_later_program_is_left_alone(line, tmp_path):
    line.done("token", "list")
    connection = apsw.Connection(str(tmp_path / "h.db"))
    connection.execute("UPDATE meta SET value = '9000' WHERE key = 'schema_version'")
    connection.close()
    assert "version 9000, this program knows" in line.refused("token", "list")
    assert line("check").exit_code == 3


# --- schema, people, tokens -------------------------------------------------------------------


def test_a_schema_is_planned_applied_exported_and_applied_again(line, tmp_path):
    planned = line.done("schema", "plan", str(DEMO))
    assert "+ datastore SALES/ORDERS" in planned
    assert line.done("schema", "apply", str(DEMO)) == planned
    assert line.done("schema", "apply", str(DEMO)) == ""
    exported = tmp_path / "all.yaml"
    line.done("schema", "export", str(exported))
    assert "aoi-demo-pass" not in exported.read_text()
    assert line.done("schema", "apply", str(exported)) == ""
    assert line.done("schema", "export") == exported.read_text()
    assert "is there already" in line.refused("schema", "export", str(exported))


def test_what_keeps_an_installation_is_told_to_programs_too(line, tmp_path):
    planned = line.json("schema", "plan", str(DEMO))
    assert {"change": "+ datastore SALES/ORDERS", "destroys": ""} in planned
    assert line.json("schema", "apply", str(DEMO)) == planned
    assert line.json("schema", "apply", str(DEMO)) == []
    assert line.json("settings")["HIKIDASHI_PORT"] == "8000"
    found = line.json("check")
    assert {one["level"] for one in found} == {"ok"}
    assert "nothing odd in the database" in [one["finding"] for one in found]


def test_backups_are_told_to_programs_too(line, tmp_path):
    line.done("schema", "apply", str(DEMO))
    made = line.json("backup", "all.zip")
    assert (made["file"], made["bytes"]) == ("all.zip", (tmp_path / "all.zip").stat().st_size)
    restored = line.json("--database", f"sqlite:///{tmp_path / 'n.db'}", "restore", "all.zip")
    counted = ("tables", "rows", "items", "files", "missing")
    assert [restored[key] for key in counted] == [made[key] for key in counted]
    copied = line.json("backup", "--sqlite-copy", "copy.db")
    assert copied == {"file": "copy.db", "bytes": (tmp_path / "copy.db").stat().st_size}


def test_a_schema_file_with_mistakes_names_each_by_line(line, tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "workspaces:\n  - name: W\n    applications:\n      - display_id: p\n"
        "        datastores:\n          - display_id: d\n            fields:\n"
        "              - {display_id: a, type: txt}\n              - {display_id: a, type: text}\n"
    )
    told = line.refused("schema", "apply", "bad.yaml")
    assert "bad.yaml:8:" in told
    assert line.done("schema", "export").strip() == "workspaces: []"


def test_data_is_destroyed_only_by_name(line, tmp_path):
    line.done("schema", "apply", str(DEMO))
    (tmp_path / "less.yaml").write_text(
        "workspaces:\n  - name: Hikidashi Demo\n    applications:\n      - display_id: SALES\n"
        "        datastores:\n          - display_id: SHIPMENTS\n            fields:\n"
        "              - {display_id: CARRIER, deleted: true}\n"
    )
    told = line.refused("schema", "apply", "less.yaml")
    [name] = re.findall(r"--allow-destroy '?([^'\s]+)", told)
    assert "CARRIER" in line.done("schema", "apply", "less.yaml", "--allow-destroy", name)
    assert "CARRIER" not in line.done("schema", "export")


def test_a_password_is_set_from_stdin(line):
    line.done("schema", "apply", str(DEMO))
    told = line.done("user", "set-password", "aoi@demo.example", "--stdin", stdin="another-one\n")
    assert told.startswith("aoi@demo.example has a new password")
    assert "at least 6 characters" in line.refused(
        "user", "set-password", "aoi@demo.example", "--stdin", stdin="short\n"
    )


def test_a_token_is_made_listed_and_revoked(line):
    line.done("schema", "apply", str(DEMO))
    words = ("--user", "ben@demo.example", "--project", "SALES", "--read-only")
    secret = line.done("token", "create", "report", *words).strip()
    assert secret.startswith("hk_")
    listed = line.done("token", "list")
    assert secret not in listed
    [row] = [one for one in listed.splitlines() if "report" in one]
    assert {"api", "read", "SALES", "Ben"} <= set(row.split())
    assert "add --yes if it is meant" in line.refused("token", "revoke", row.split()[0])
    line.done("token", "revoke", row.split()[0], "--yes")
    assert "report" not in line.done("token", "list")
    assert "there is no application" in line.refused(
        "token", "create", "x", "--user", "ben@demo.example", "--project", "none"
    )


def test_a_key_of_a_project_is_made_listed_and_revoked(line):
    line.done("schema", "apply", str(DEMO))
    secret = line.done("token", "key", "phone", "--project", "SALES", "--role", "MEMBER").strip()
    assert len(secret) > 60
    [row] = [one for one in line.json("token", "list") if one["name"] == "phone"]
    assert (row["kind"], row["rights"], row["user"]) == ("project", "write", "phone")
    assert "there is a key phone already" in line.refused(
        "token", "key", "phone", "--project", "SALES"
    )
    assert "has no role NONE" in line.refused(
        "token", "key", "other", "--project", "SALES", "--role", "NONE"
    )
    assert "application was not found" in line.refused("token", "key", "x", "--project", "none")
    made = line.json("token", "key", "reader", "--project", "SALES", "--read-only")
    assert line.json("token", "show", made["id"])["rights"] == "read"
    line.done("token", "revoke", made["id"], "--yes")
    assert "reader" not in line.done("token", "list")


def test_a_call_is_opened_listed_and_closed(line):
    line.done("schema", "apply", str(DEMO))
    words = ("--user", "ben@demo.example", "--project", "SALES")
    url = "/api/v0/applications/SALES/datastores/ORDERS/items/search"
    for bad in (
        ("GET", url),
        ("POST", "/api/v0/nothing"),
        ("POST", "/api/v0/login"),
        ("POST", "/api/v0/files"),
        ("POST", "items/search"),
    ):
        assert "is no call that can be open" in line.refused("token", "open", *bad, *words)
    id_ = line.json("token", "open", "POST", url, *words)["id"]
    assert "is open already" in line.refused("token", "open", "POST", url, *words, "--write")
    [row] = line.json("token", "list")[-1:]
    assert (row["id"], row["kind"], row["rights"], row["name"]) == (
        id_,
        "open",
        "read",
        f"POST {url}",
    )
    line.done("token", "change", id_, "--write")
    assert line.json("token", "show", id_)["rights"] == "write"
    line.done("token", "revoke", id_, "--yes")
    line.done("token", "open", "POST", url, *words)


# --- check, backup ----------------------------------------------------------------------------


def test_check_finds_a_sound_installation_sound(line):
    result = line("check")
    assert (result.exit_code, "not there yet" in result.stdout) == (0, True)
    line.done("schema", "apply", str(DEMO))
    result = line("check")
    assert result.exit_code == 0, result.output
    assert "journal_mode=wal, synchronous=2" in result.stdout
    assert "nothing odd in the database" in result.stdout


def test_check_tells_what_is_odd(line, tmp_path):
    line.done("schema", "apply", str(DEMO))
    connection = apsw.Connection(str(tmp_path / "h.db"))
    [(table,)] = connection.execute(
        "SELECT 'i_' || id FROM definitions WHERE kind = 'datastore' AND display_id = 'SHIPMENTS'"
    )
    connection.execute(f"DROP TABLE {table}")
    connection.execute("UPDATE members SET is_admin = 0")
    connection.close()
    result = line("check", HIKIDASHI_DATABSE="x")
    assert result.exit_code == 3
    assert "datastore SALES/SHIPMENTS lacks its table" in result.stdout
    assert "workspace Hikidashi Demo has no administrator" in result.stdout
    assert "did you mean HIKIDASHI_DATABASE?" in result.stdout


def test_a_sqlite_copy_is_a_whole_database(line, tmp_path):
    line.done("schema", "apply", str(DEMO))
    assert "checked" in line.done("backup", "--sqlite-copy", "copy.db")
    copied = CommandLine(f"sqlite:///{tmp_path / 'copy.db'}")
    assert copied.done("schema", "export") == line.done("schema", "export")
    assert "is there already" in line.refused("backup", "copy.db")
    assert "there is no folder" in line.refused("backup", "nowhere/copy.db")
    assert not list(tmp_path.glob("*.partial*"))


# --- serve ------------------------------------------------------------------------------------


class Serving:
    """A server in a process of its own."""

    def __init__(self, folder: Path, database: str, *words: str) -> None:
        environment = {key: one for key, one in os.environ.items() if "HIKIDASHI" not in key}
        environment["PYTHONPATH"] = str(ROOT / "src")
        with (folder / "stderr").open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hikidashi", "--database", database, "serve", *words],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        first = first_line(self.process)
        self.url = re.findall(r"http://\S+", first)[0]
        self.port = int(self.url.rpartition(":")[2])

    def words(self) -> str:
        """What was printed after the first line, once the server has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def post(self, path: str, body: object, **headers: str) -> dict[str, object]:
        head = {"Content-Type": "application/json", **headers}
        asked = urllib.request.Request(self.url + path, json.dumps(body).encode(), head)
        with urllib.request.urlopen(asked, timeout=20) as reply:
            answer: dict[str, object] = json.load(reply)
        return answer

    def paste(self, command: str) -> dict[str, object]:
        """Send what a curl line would."""
        words = shlex.split(command.replace("\\\n", " "))
        heads = [words[at + 1].split(": ", 1) for at, one in enumerate(words) if one == "-H"]
        path = words[2].removeprefix(self.url)
        assert (words[:2], path[0]) == (["curl", "-s"], "/")
        return self.post(path, json.loads(words[words.index("-d") + 1]), **dict(heads))

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)

    def end(self) -> None:
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Serving]]:
    """Starts servers on a free port with the demo; ends those that are left."""
    started: list[Serving] = []

    def start(database: str = f"sqlite:///{tmp_path / 'd.db'}", *words: str) -> Serving:
        started.append(Serving(tmp_path, database, "--demo", "--port", "0", *words))
        return started[-1]

    yield start
    for one in started:
        one.end()


ORDERS = "/autodev/CustomTableValue/{}/7qaucizgxdrb/123"
KEY = {"customauth": "demo-project-key-7qaucizgxdrb"}


def test_the_demo_serves_what_it_prints(serve, tmp_path):
    server = serve()
    body = '{"update":{"id":1,"GIFT":true}}'
    message = (
        "POST /autodev/CustomTableValue/UD/7qaucizgxdrb/123 HTTP/1.1\r\n"
        f"Host: usapi.hottask.com\r\nAuthorization: {KEY['customauth']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}"
    )  # the page's HTTP sample, made real
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(message.encode())
        reply = b"".join(iter(lambda: line.recv(4096), b""))
    assert reply.startswith(b"HTTP/1.1 200")
    assert reply.endswith(b'{"Data":1,"Version":"1.0.0","Success":true,"Code":200,"Message":""}')
    assert server.stop(signal.SIGINT) == 0
    told = server.words()
    assert "aoi-demo-pass" in told
    again = serve()  # what was printed at the first start holds at the second
    commands = re.findall(r"^curl .*?(?=^$)", told, re.MULTILINE | re.DOTALL)
    order, row = (again.paste(one.replace(server.url, again.url)) for one in commands)
    assert (order["error"], len(str(order["item_id"]))) == (None, 24)
    assert (row["Data"], row["Success"]) == (1, True)
    assert again.stop() == 0
    assert (tmp_path / "stderr").read_text() == ""


def test_what_was_accepted_is_finished_before_the_server_stops(serve, tmp_path):
    server = serve()
    rows: list[int] = []
    begun = threading.Event()

    def write() -> None:
        try:
            while True:
                answer = server.post(ORDERS.format("Create"), {"TITLE": "x"}, **KEY)
                assert answer["Success"], answer
                rows.append(int(str(answer["Data"])))
                if len(rows) > 50:
                    begun.set()
        except OSError:  # it has stopped listening
            pass

    threads = [threading.Thread(target=write) for _ in range(4)]
    for one in threads:
        one.start()
    assert begun.wait(30)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-m", "hikidashi", "--database", "sqlite:///d.db", "backup"]
    words += ["--sqlite-copy", "copy.db"]
    subprocess.run(
        words, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60
    )
    assert server.stop() == 0
    join_all(threads)
    for name, wanted in (("d.db", set(rows)), ("copy.db", set(rows[:40]))):
        connection = apsw.Connection(str(tmp_path / name))
        [(table,)] = connection.execute(
            "SELECT 'i_' || id FROM definitions WHERE kind = 'datastore' AND display_id = 'ORDERS'"
        )
        assert wanted <= {n for (n,) in connection.execute(f"SELECT n FROM {table}")}
        connection.close()


def test_several_processes_serve_one_postgresql(serve, databases):
    database = databases.create()
    server = serve(database, "--processes", "2")
    made = [server.post(ORDERS.format("Create"), {"TITLE": "x"}, **KEY) for _ in range(20)]
    assert len({one["Data"] for one in made}) == 20
    with urllib.request.urlopen(server.url + "/metrics", timeout=20) as reply:
        assert re.search(r'hikidashi_requests_total\{process="\d+"', reply.read().decode())
    assert server.stop() == 0
    databases.drop(database)
