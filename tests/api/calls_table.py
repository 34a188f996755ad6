"""The proper calls of `calls.yaml`, a row for each route."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from hikidashi.api.exchange import Call
from hikidashi.api.hexabase_rest.routes import CALLS as HEXABASE_CALLS
from hikidashi.api.hottask import list_calls
from tests.files.papers import form

WORD = re.compile(r"\$\w+")
ROUTES: dict[str, Call] = {one.name: one for one in (*HEXABASE_CALLS, *list_calls())}


@dataclass(frozen=True)
class Proper:
    """A call that is answered well to who may make it; words in it begin with `$`."""

    name: str  # the route's
    method: str
    path: str
    body: Any = None
    form: dict[str, str] | None = None  # in place of `body`; `file` is a file's content
    status: int = 200
    key: str = ""
    is_ours: bool = False
    others: tuple[Proper, ...] = ()  # calls that name other things

    @property
    def auth(self) -> str:
        """How the route knows who calls."""
        return ROUTES[self.name].auth

    @property
    def writes(self) -> bool:
        """Whether it may change what it names."""
        return any(key.name == "dry_run" for key in ROUTES[self.name].query)

    @property
    def text(self) -> str:
        """All that is sent, as one text."""
        return f"{self.path} {json.dumps(self.body)} {json.dumps(self.form)}"

    @property
    def words(self) -> list[str]:
        """The words in the order in which they are first said."""
        return list(dict.fromkeys(WORD.findall(self.text)))

    def filled(self, words: dict[str, Any]) -> tuple[str, bytes | None]:
        """The path and body with things in place of words."""

        def text(found: re.Match[str]) -> str:
            return str(words[found[0]])

        path = WORD.sub(text, self.path)
        if self.form is not None:
            return path, form(*(_part(key, one, words) for key, one in self.form.items()))
        if self.body is None:
            return path, None
        body = json.dumps(self.body)
        for word, meant in words.items():
            if not isinstance(meant, str):
                body = body.replace(f'"{word}"', json.dumps(meant))
        return path, WORD.sub(text, body).encode()


def _part(key: str, value: str, words: dict[str, Any]) -> Any:
    content = words.get(value)
    if not isinstance(content, bytes):
        content = WORD.sub(lambda found: str(words[found[0]]), value).encode()
    return (key, content, "a.csv") if key == "file" else (key, content)


def _rows() -> dict[str, Proper]:
    told = YAML(typ="safe").load(Path(__file__).with_name("calls.yaml").read_text("utf-8"))
    rows = {}
    for name, one in told.items():
        method, path = one["call"].split(" ", 1)
        row = Proper(
            name=name,
            method=method,
            path=path if path[0] == "/" else f"/api/v0/{path}",
            body=one.get("body"),
            form=one.get("form"),
            status=one.get("status", 200),
            key=one.get("key", ""),
            is_ours=one.get("ours", False),
        )
        others = (
            *(replace(row, body=body) for body in one.get("also", ())),
            *(replace(row, form=parts) for parts in one.get("also_forms", ())),
            *(replace(row, path=f"{row.path}?{query}") for query in one.get("queries", ())),
        )
        rows[name] = replace(row, others=others)
    return rows


ROWS = _rows()
