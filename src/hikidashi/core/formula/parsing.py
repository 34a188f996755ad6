"""From text to tree: one pass over the words, operators by how strongly they bind.

formula    = operand { operator operand }
operand    = number | text | word | field | call | "(" formula ")" | "-" operand | "not" operand
number     = digits [ "." digits ]
text       = '"' { any character but '"', or '""' } '"', or the same between "'"
word       = "true" | "false" | "null"
field      = name | "{" display id [ "." display id ] "}"
call       = name "(" [ formula { "," formula } ] ")"
name       = letter or "_", then letters, digits and "_"
operator   = "or" | "and" | "=" | "<>" | "!=" | "<" | "<=" | ">" | ">=" | "&" | "+" | "-" | "*" | "/" | "%"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast

from ..limits import (
    FORMULA_BRACKETS_MAX,
    FORMULA_CHARS_MAX,
    FORMULA_DIGITS_MAX,
    FORMULA_LEVELS_MAX,
    FORMULA_NODES_MAX,
)
from .nodes import (
    BINDING,
    COMPARISONS,
    WORDS,
    Binary,
    Call,
    Constant,
    FormulaError,
    Negative,
    Node,
    Not,
    Operator,
    Reference,
    references,
)

_WORD = re.compile(
    r"""\s*(?:
      (?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    | (?P<text>"(?:[^"]|"")*"|'(?:[^']|'')*')
    | (?P<field>\{[^{}]*\})
    | (?P<name>[^\W\d]\w*)
    | (?P<sign><>|!=|<=|>=|[=<>&+\-*/%(),])
    | (?P<end>\Z)
    | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_UNFIT = re.compile("[\0\ud800-\udfff]")
_SPELLINGS: Final = {"!=": "<>"}

_Sort = Literal["number", "text", "field", "name", "sign", "end"]


class _Word(NamedTuple):
    sort: _Sort
    text: str
    at: int  # from 1
    end: int


@lru_cache(maxsize=2_048)
def parse(text: str) -> Node:
    """The tree of a formula. Raises FormulaError, and nothing else, for what is none."""
    if len(text) > FORMULA_CHARS_MAX:
        raise FormulaError(1, f"has {len(text)} characters, at most {FORMULA_CHARS_MAX} are taken")
    unfit = _UNFIT.search(text)
    if unfit is not None:
        raise FormulaError(unfit.start() + 1, "holds U+0000 or a lone surrogate")
    return _Parser(_words(text)).formula()


def rewrite(text: str, rename: Callable[[Reference], tuple[str, ...]]) -> str:
    """The same formula with its fields called otherwise; the rest of the text stays as it is.

    Raises FormulaError.
    """
    for one in sorted(references(parse(text)), key=lambda one: -one.at):
        text = f"{text[: one.at - 1]}{{{'.'.join(rename(one))}}}{text[one.end - 1 :]}"
    return text


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    at = 0
    while True:
        match = _WORD.match(text, at)
        if match is None or match.lastgroup is None:
            raise FormulaError(at + 1, "can't be read")
        sort, start, at = match.lastgroup, match.start(match.lastgroup) + 1, match.end()
        if sort == "other":
            raise FormulaError(start, _unreadable(match["other"]))
        words.append(_Word(cast("_Sort", sort), match[sort], start, at + 1))
        if sort == "end":
            return words


def _unreadable(char: str) -> str:
    match char:
        case '"' | "'":
            return "a text that is not closed"
        case "{" | "}":
            return "a brace without its other"
        case _:
            return f"{char!r} means nothing here"


class _Parser:
    def __init__(self, words: list[_Word]) -> None:
        self._words = words
        self._next = 0
        self._nodes = 0
        self._brackets = 0  # and signs around what is read now

    def formula(self) -> Node:
        node, _ = self._expression(0)
        word = self._word()
        if word.sort != "end":
            raise FormulaError(word.at, f"{word.text[:40]!r} is not expected here")
        return node

    def _word(self) -> _Word:
        return self._words[self._next]

    def _take(self) -> _Word:
        word = self._words[self._next]
        if word.sort != "end":
            self._next += 1
        return word

    def _is(self, sign: str) -> bool:
        word = self._word()
        return word.sort == "sign" and word.text == sign

    def _expect(self, sign: str, wanted: str = "") -> None:
        word = self._take()
        if word.sort != "sign" or word.text != sign:
            found = repr(word.text[:40]) if word.text else "the end"
            raise FormulaError(word.at, f"{wanted or repr(sign)} is expected, not {found}")

    def _grown(self, levels: int, at: int) -> int:
        """The height of a node over parts of such a height; counts the node."""
        self._nodes += 1
        if self._nodes > FORMULA_NODES_MAX:
            raise FormulaError(at, f"has over {FORMULA_NODES_MAX} parts")
        if levels >= FORMULA_LEVELS_MAX:
            raise FormulaError(at, f"is nested over {FORMULA_LEVELS_MAX} levels")
        return levels + 1

    def _expression(self, around: int) -> tuple[Node, int]:
        """What binds more strongly than `around`, and how high its tree is."""
        node, height = self._operand()
        while True:
            word = self._word()
            operator = self._operator(word)
            if operator is None:
                return node, height
            strength = BINDING[operator]
            if strength <= around:
                return node, height
            self._take()
            right, right_height = self._expression(strength)
            height = self._grown(max(height, right_height), word.at)
            node = Binary(operator, node, right, word.at)
            follower = self._word()
            if operator in COMPARISONS and self._operator(follower) in COMPARISONS:
                raise FormulaError(follower.at, "comparisons can't follow one another; use `and`")

    def _operator(self, word: _Word) -> Operator | None:
        if word.sort == "name" and word.text.lower() in ("and", "or"):
            return cast("Operator", word.text.lower())
        if word.sort == "sign":
            text = _SPELLINGS.get(word.text, word.text)
            if text in BINDING:
                return cast("Operator", text)
        return None

    def _operand(self) -> tuple[Node, int]:
        self._brackets += 1
        if self._brackets > FORMULA_BRACKETS_MAX:
            raise FormulaError(self._word().at, f"has over {FORMULA_BRACKETS_MAX} nested brackets")
        word = self._take()
        match word.sort:
            case "number":
                found: tuple[Node, int] = _number(word), self._grown(0, word.at)
            case "text":
                quote = word.text[0]
                inside = word.text[1:-1].replace(quote * 2, quote)
                found = Constant(inside, word.at), self._grown(0, word.at)
            case "field":
                found = _field(word), self._grown(0, word.at)
            case "name":
                found = self._named(word)
            case "sign" if word.text == "(":
                found = self._expression(0)
                self._expect(")")
            case "sign" if word.text == "-":
                operand, height = self._expression(BINDING["negative"])
                found = Negative(operand, word.at), self._grown(height, word.at)
            case _:
                shown = repr(word.text[:40]) if word.text else "the end"
                raise FormulaError(word.at, f"a value is expected, not {shown}")
        self._brackets -= 1
        return found

    def _named(self, word: _Word) -> tuple[Node, int]:
        name = word.text.lower()
        if name == "not":
            operand, height = self._expression(BINDING["not"])
            return Not(operand, word.at), self._grown(height, word.at)
        if name in ("true", "false", "null"):
            value = None if name == "null" else name == "true"
            return Constant(value, word.at), self._grown(0, word.at)
        if name in WORDS:
            raise FormulaError(word.at, f"a value is expected, not {word.text!r}")
        if not self._is("("):
            path = (word.text,)
            return Reference(path, word.at, word.end), self._grown(0, word.at)
        self._take()
        arguments: list[Node] = []
        height = 0
        while not self._is(")"):
            if arguments:
                self._expect(",", "',' or ')'")
            node, inner = self._expression(0)
            arguments.append(node)
            height = max(height, inner)
        self._expect(")")
        return Call(name, tuple(arguments), word.at), self._grown(height, word.at)


def _number(word: _Word) -> Constant:
    if len(word.text) > FORMULA_DIGITS_MAX:
        raise FormulaError(word.at, f"a number has at most {FORMULA_DIGITS_MAX} digits")
    return Constant(Decimal(word.text), word.at)


def _field(word: _Word) -> Reference:
    path = tuple(part.strip() for part in word.text[1:-1].split("."))
    if len(path) > 2 or not all(path):
        raise FormulaError(word.at, "braces hold a field, or a lookup, a point and a field of it")
    return Reference(path, word.at, word.end)


def names_read(formula: str) -> set[str]:
    """The fields of its own item that a formula names; none if it can't be read."""
    if not formula:
        return set()
    try:
        return {one.path[0] for one in references(parse(formula))}
    except FormulaError:
        return set()
