"""What commands print: tables and sentences for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from .opening import RefusedError

F = TypeVar("F", bound=Callable[..., Any])
Row = Mapping[str, Any]
_PIPE_COLUMNS = 10_000  # where nobody looks, nothing is cut off

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs, instead of words."
)
yes_option = click.option(
    "--yes", "-y", is_flag=True, help="Do not ask; needed where nobody sits at the terminal."
)


def show_rows(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool, none: str) -> None:
    """Things of one sort: a table of some of their columns, or all of them as a JSON array."""
    if as_json:
        print_json(list(rows))
    elif rows:
        _print_table([[_words(one.get(key)) for key in columns] for one in rows], columns)
    else:
        click.echo(none, err=True)


def show_one(thing: Row, *, as_json: bool) -> None:
    """One thing with all that is known of it."""
    if as_json:
        print_json(thing)
    else:
        _print_table([[key, _words(value)] for key, value in thing.items()], ())


def show_done(sentence: str, told: Row, *, as_json: bool) -> None:
    """What was done."""
    if as_json:
        print_json(told)
    else:
        click.echo(plain(sentence))


def confirm(sentences: Sequence[str], *, yes: bool) -> None:
    """Ask before something is destroyed. Without a terminal, `--yes` has to say so."""
    if yes:
        return
    for one in sentences:
        click.echo(plain(one), err=True)
    if not _is_at_terminal():
        raise RefusedError("this can't be undone; add --yes if it is meant")
    click.confirm("This can't be undone. Go on?", abort=True, err=True)


def _is_at_terminal() -> bool:
    return sys.stdin.isatty()


def print_json(value: Any) -> None:
    """A JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def plain(text: str) -> str:
    """A text without what would move the cursor or colour the terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _words(value: Any) -> str:
    if value is None or value in ([], ()) or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(one) for one in value)
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return plain(str(value))


def _print_table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    from rich.box import SIMPLE  # noqa: PLC0415  `serve` starts without it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    table = Table(
        box=SIMPLE if columns else None, pad_edge=False, show_edge=False, show_header=bool(columns)
    )
    for one in columns or ("", ""):
        table.add_column(one.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False).print(table)


__all__ = [
    "Row",
    "as_json_option",
    "confirm",
    "plain",
    "print_json",
    "show_done",
    "show_one",
    "show_rows",
    "yes_option",
]
