"""The style guide as a test: what a glance over the tree can tell."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hikidashi.storage.migrate import list_migrations

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "hikidashi"
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
MAY_PRINT = ("src/hikidashi/cli", "src/hikidashi/__main__.py", "bench/", "tests/")
MAY_WAIT = re.compile(
    r"src/hikidashi/storage/(store|short_reads|streams|driver|engines/postgres_waiting)\.py"
)
NEVER_WAITS = ("src/hikidashi/core/", "src/hikidashi/storage/")
SQL_START = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s"
    r"|CREATE\s+(TABLE|UNIQUE|INDEX)\s|ALTER\s+TABLE\s|DROP\s+(TABLE|INDEX)\s|WITH\s+\w+\s+AS\s*\()",
    re.DOTALL,
)
LEFTOVER = re.compile(r"\b(FIX" + r"ME|TO" + r"DO|X" + r"XX)\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*folders: str) -> list[str]:
    """The Python files of some folders, named from the root of the repository."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


OURS = files("src")
ALL = files("src", "tests", "bench")


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tree_of(name: str) -> ast.Module:
    # Python 3.11 counts how deep it is in a tree in one place for all: when garbage is collected
    # meanwhile, and what ends there parses something too, it finds its count wrong.
    gc.disable()
    try:
        return ast.parse(text_of(name), name)
    finally:
        gc.enable()


@cache
def nodes_of(name: str) -> list[ast.AST]:
    return list(ast.walk(tree_of(name)))


def strings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Each string of the code that is not a docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | Function)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):  # noqa: SIM102
            if id(node) not in docstrings:
                yield node


def test_files_are_short():
    lengths = {name: len(text_of(name).splitlines()) for name in ALL}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES_MAX} == {}


def test_functions_are_short():
    lengths = {
        f"{name}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name in ALL
        for node in nodes_of(name)
        if isinstance(node, Function)
    }
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES_MAX} == {}


def test_a_module_says_why_it_exists():
    docstrings = {name: ast.get_docstring(tree_of(name)) or "" for name in ALL}
    firsts = {name: text.split("\n\n")[0].rstrip() for name, text in docstrings.items()}
    assert [name for name, first in firsts.items() if not first.endswith((".", ":"))] == []


def test_only_the_command_line_prints():
    assert [
        f"{name}:{node.lineno}"
        for name in ALL
        if not name.startswith(MAY_PRINT)
        for node in nodes_of(name)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("print", "breakpoint")
    ] == []


def test_the_core_and_storage_are_plain_functions():
    assert [
        f"{name}:{node.lineno}"
        for name in OURS
        if name.startswith(NEVER_WAITS) and not MAY_WAIT.fullmatch(name)
        for node in nodes_of(name)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ] == []


def test_sql_is_only_in_storage():
    assert [
        f"{name}:{node.lineno}"
        for name in OURS
        if not name.startswith("src/hikidashi/storage/")
        for node in strings(tree_of(name))
        if SQL_START.match(str(node.value))
    ] == []


def tracked() -> list[str]:
    """The files of the repository; our Python files where there is no Git."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    names = listing.stdout.split("\0") if listing.returncode == 0 else ALL
    return [name for name in names if name and (ROOT / name).is_file()]


def test_nothing_is_left_for_later():
    assert [
        f"{name}:{number}"
        for name in tracked()
        if Path(name).suffix in (".py", ".md", ".sql", ".toml", ".yaml", ".yml")
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if LEFTOVER.search(line)
    ] == []


def imports_of(name: str) -> Iterator[str]:
    """What a module of ours imports, by full names; both of `from a import b`."""
    parts = Path(name).with_suffix("").parts[1:]  # without src/
    package = parts[:-1]  # of a module; an __init__ is in the package it makes
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            source = ".".join([*start, *filter(None, [node.module])])
            yield source
            yield from (f"{source}.{one.name}" for one in node.names)


def test_no_module_is_dead():
    modules = {
        ".".join(Path(name).with_suffix("").parts[1:])
        for name in OURS
        if not name.endswith("__init__.py")
    }
    imported = {one for name in OURS for one in imports_of(name)}
    assert sorted(modules - imported - {"hikidashi.__main__"}) == []


def test_migrations_are_numbered_from_one_without_gaps():
    names = sorted(path.name for path in (PACKAGE / "storage" / "sql").glob("*.sql"))
    assert all(re.fullmatch(r"\d{4}_[a-z_]+(\.(sqlite|postgresql))?\.sql", name) for name in names)
    for engine in ("sqlite", "postgresql"):
        numbers = [number for number, _ in list_migrations(engine)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert {f"{one:04d}" for one in numbers} == {name[:4] for name in names}
