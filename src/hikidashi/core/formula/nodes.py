"""A formula as a tree that never changes, and the way back to text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, TypeAlias

# What a formula computes with: a number, text, an instant (milliseconds since 1970 UTC), a truth
# value. "null" is the type of what is always empty.
Type: TypeAlias = Literal["number", "text", "datetime", "boolean", "null"]
Operator: TypeAlias = Literal[
    "or", "and", "=", "<>", "<", "<=", ">", ">=", "&", "+", "-", "*", "/", "%"
]

RESULTS: Final = ("number", "text", "datetime", "boolean")  # what a calc field may be
WORDS: Final = frozenset(("and", "or", "not", "true", "false", "null"))  # never names of fields
BINDING: Final[dict[str, int]] = {  # how strongly an operator holds its operands
    "or": 1,
    "and": 2,
    "not": 3,
    "=": 4,
    "<>": 4,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "&": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "%": 7,
    "negative": 8,
}
COMPARISONS: Final = frozenset(("=", "<>", "<", "<=", ">", ">="))


class FormulaError(Exception):
    """What is wrong with a formula, and at which character (from 1)."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(f"{reason} (at character {at})")
        self.at = at
        self.reason = reason


# The nodes are no records: where one stands does not count when two are compared.


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, true or false; None is `null`."""

    value: Decimal | str | bool | None
    at: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of the item, or of the item that one of its fields looks up."""

    path: tuple[str, ...]  # one name, or two
    at: int = field(default=1, compare=False)
    end: int = field(default=1, compare=False)  # the character after it


@dataclass(frozen=True, slots=True)
class Not:
    """`not x`."""

    operand: Node
    at: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """`-x`."""

    operand: Node
    at: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands with an operator between them."""

    operator: Operator
    left: Node
    right: Node
    at: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Node, ...]
    at: int = field(default=1, compare=False)


Node: TypeAlias = Constant | Reference | Not | Negative | Binary | Call


def parts(node: Node) -> tuple[Node, ...]:
    """What stands right under a node."""
    match node:
        case Not(operand) | Negative(operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Call(_, arguments):
            return arguments
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything under it."""
    yield node
    for part in parts(node):
        yield from walk(part)


def references(node: Node) -> list[Reference]:
    """The fields that a formula reads, in the order of the text."""
    return [one for one in walk(node) if isinstance(one, Reference)]


def show(node: Node) -> str:
    """The text of a tree: what `parse` reads as the same tree."""
    return _show(node, 0)


def _show(node: Node, around: int) -> str:
    """`around`: how strongly what stands around it holds."""
    match node:
        case Constant(value):
            return _show_constant(value)
        case Reference(path):
            return f"{{{'.'.join(path)}}}"
        case Call(function, arguments):
            return f"{function}({', '.join(_show(one, 0) for one in arguments)})"
        case Not(operand):
            own, text = BINDING["not"], f"not {_show(operand, BINDING['not'])}"
        case Negative(operand):
            own, text = BINDING["negative"], f"-{_show(operand, BINDING['negative'])}"
        case Binary(operator, left, right):
            own = BINDING[operator]
            # Operators of the same strength are read from the left; comparisons do not follow
            # one another.
            first = own + 1 if operator in COMPARISONS else own
            text = f"{_show(left, first)} {operator} {_show(right, own + 1)}"
    return f"({text})" if own < around else text


def _show_constant(value: Decimal | str | bool | None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return '"{}"'.format(value.replace('"', '""'))
        case _:
            return format(value, "f")
