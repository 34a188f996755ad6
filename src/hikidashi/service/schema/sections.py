"""YAML with places: each value is read with a check, and each complaint names its line and key."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ...core.limits import NAME_CHARS_MAX, SCRIPT_BYTES_MAX
from .problems import Place, Problem, SchemaError

# What stands for a value that a call takes away: the key is to be as if it had never been said.
USUAL: Final[Any] = object()


def parse_yaml(text: str, file: str) -> Section:
    """The mapping that a YAML text is. Raises SchemaError if it is none."""
    try:
        data = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        reason = (error.problem or "is not YAML").partition("\n")[0]
        raise SchemaError([Problem(Place(file, line, ""), reason)]) from error
    except YAMLError as error:
        reason = str(error).partition("\n")[0]
        raise SchemaError([Problem(Place(file, 1, ""), reason)]) from error
    if not isinstance(data, CommentedMap):
        raise SchemaError([Problem(Place(file, 1, ""), "must be a mapping of keys to values")])
    return Section(data, Place(file, 1, ""), [])


def read_yaml(path: str | Path) -> Section:
    """The mapping that a YAML file holds. Raises SchemaError if it can't be read."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError([Problem(Place(str(path), 1, ""), f"can't be read: {error}")]) from error
    return parse_yaml(text, file.name)


def from_data(data: Mapping[str, Any], file: str) -> Section:
    """A mapping that is there already, as one of a file that is called so."""
    return Section(_mapping(data), Place(file, 1, ""), [])


def _mapping(data: Mapping[str, Any]) -> CommentedMap:
    return CommentedMap({str(key): _commented(one) for key, one in data.items()})


def _commented(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        return CommentedSeq([_commented(one) for one in value])
    return value


class Section:
    """One mapping of a file. A getter answers None where the key is absent or wrong (and told)."""

    def __init__(self, data: CommentedMap, place: Place, problems: list[Problem]) -> None:
        self._data = data
        self._place = place
        self._read: set[str] = set()
        self.problems = problems  # one list for the whole file

    def place(self, key: str = "") -> Place:
        """Where a key stands; the mapping itself for a key that is not there."""
        start = self._place
        if not key:
            return start
        path = f"{start.key}.{key}" if start.key else key
        known = self._data.lc.data or {}
        return Place(start.file, known[key][0] + 1 if key in known else start.line, path)

    def fail(self, message: str, key: str = "") -> None:
        """Note a problem; reading goes on."""
        self.problems.append(Problem(self.place(key), message))

    def has(self, key: str) -> bool:
        """The key is there."""
        self._read.add(key)
        return key in self._data

    def is_usual(self, key: str) -> bool:
        """It is to be as if it had never been said."""
        return self.has(key) and self._data[key] is USUAL

    def is_null(self, key: str) -> bool:
        """Null stands there."""
        return self.has(key) and self._data[key] is None

    def names_of_keys(self) -> list[object]:
        """The keys, in the order of the file."""
        return list(self._data)

    def is_text(self, key: str) -> bool:
        """A string stands there, where something else might."""
        return self.has(key) and isinstance(self._data[key], str)

    def refuse_unknown_keys(self) -> None:
        """Note every key that nobody has asked for."""
        for key in self._data:
            if key in self._read:
                continue
            near = difflib.get_close_matches(str(key), self._read, 1)
            self.fail(f"is not a key here{f'; {near[0]} is' if near else ''}", str(key))

    def _get(self, key: str) -> Any:
        if not self.has(key):
            return None
        value = self._data[key]
        if value is None:
            self.fail("has no value: leave the key out, or give one", key)
        return value

    def text(self, key: str, most: int = NAME_CHARS_MAX) -> str | None:
        """A string, with a limit on its length."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.fail("must be a text; put it in quotes", key)
            return None
        if len(value) > most:
            self.fail(f"has {len(value)} characters, at most {most} are allowed", key)
            return None
        if any(ord(char) < 32 and char not in "\n\t" for char in value):
            self.fail("must not contain control characters", key)
            return None
        return str(value)

    def script(self, key: str) -> str | None:
        """The text of a program: as it is, but for U+0000."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, str) or "\0" in value:
            self.fail("must be a text without U+0000", key)
            return None
        size = len(value.encode("utf-8", "replace"))
        if size > SCRIPT_BYTES_MAX:
            self.fail(f"has {size} bytes, at most {SCRIPT_BYTES_MAX} are allowed", key)
            return None
        return str(value)

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, bool):
            self.fail("must be true or false", key)
            return None
        return value

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number within bounds."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fail(f"must be a whole number from {low} to {high}", key)
            return None
        return int(value)

    def word(self, key: str, words: Sequence[str]) -> str | None:
        """One of a few words."""
        value = self._get(key)
        if value is None:
            return None
        if value not in words:
            self.fail(f"must be one of {', '.join(words)}", key)
            return None
        return str(value)

    def scalar(self, key: str) -> str | int | float | None:
        """A number, or a text; a date without quotes is one."""
        value = self._get(key)
        if isinstance(value, dt.date):
            return value.isoformat()
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, (str, int, float))
        ):
            self.fail("must be a number or a text", key)
            return None
        return value

    def names(self, key: str) -> dict[str, str] | None:
        """A name, or names by language."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, str):
            text = self.text(key)
            return None if text is None else {"en": text}
        inner = self.section(key)
        if inner is None:
            return None
        found = {language: inner.text(language) for language in ("en", "ja")}
        inner.refuse_unknown_keys()
        return {language: text for language, text in found.items() if text is not None}

    def section(self, key: str) -> Section | None:
        """A mapping."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, CommentedMap):
            self.fail("must be a mapping of keys to values", key)
            return None
        return Section(value, self.place(key), self.problems)

    def sections(self, key: str) -> list[Section]:
        """A list of mappings."""
        found = []
        for place, value in self._entries(key):
            if isinstance(value, CommentedMap):
                found.append(Section(value, place, self.problems))
            else:
                self.problems.append(Problem(place, "must be a mapping of keys to values"))
        return found

    def texts(self, key: str) -> list[str] | None:
        """A list of strings."""
        if not self.has(key):
            return None
        found = []
        for place, value in self._entries(key):
            if isinstance(value, str):
                found.append(str(value))
            else:
                self.problems.append(Problem(place, "must be a text; put it in quotes"))
        return found

    def scalars(self, key: str) -> list[str | int | float | bool | None] | None:
        """A list of texts, numbers, true, false and null; dates without quotes are texts."""
        if not self.has(key):
            return None
        found: list[str | int | float | bool | None] = []
        for place, value in self._entries(key):
            if isinstance(value, dt.datetime | dt.date):
                found.append(value.isoformat())
            elif isinstance(value, str):
                found.append(str(value))
            elif value is None or isinstance(value, bool):
                found.append(value)
            elif isinstance(value, int | float):
                found.append(int(value) if isinstance(value, int) else float(value))
            else:
                self.problems.append(Problem(place, "must be a text, a number, a flag or null"))
        return found

    def plain(self, key: str) -> Any:
        """Anything that JSON could say; dates without quotes are texts."""
        return _plain(self._data[key]) if self.has(key) else None

    def mixed(self, key: str, own: str) -> list[Section]:
        """A list whose entries are mappings, or texts that stand for `{own: text}`."""
        found = []
        for place, value in self._entries(key):
            if isinstance(value, CommentedMap):
                found.append(Section(value, place, self.problems))
            elif isinstance(value, str):
                found.append(Section(CommentedMap({own: str(value)}), place, self.problems))
            else:
                self.problems.append(Problem(place, f"must be a text or a mapping with {own}"))
        return found

    def entries(self, key: str) -> list[tuple[str, Section]]:
        """A mapping whose values are mappings."""
        inner = self.section(key)
        if inner is None:
            return []
        found = []
        for name in inner.names_of_keys():
            section = inner.section(str(name)) if isinstance(name, str) else None
            if section is not None:
                found.append((str(name), section))
        return found

    def _entries(self, key: str) -> list[tuple[Place, Any]]:
        value = self._get(key)
        if value is None:
            return []
        at = self.place(key)
        if not isinstance(value, CommentedSeq):
            self.fail("must be a list", key)
            return []
        lines = value.lc.data or {}
        return [
            (
                Place(at.file, lines[i][0] + 1 if i in lines else at.line, f"{at.key}[{i}]"),
                one,
            )
            for i, one in enumerate(value)
        ]


def _plain(value: Any) -> Any:
    """What was read of YAML, without its places."""
    if isinstance(value, CommentedMap):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, CommentedSeq):
        return [_plain(one) for one in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str(value)
