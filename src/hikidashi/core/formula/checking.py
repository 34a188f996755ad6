"""What a formula gives, and whether all that it names is there and fits together."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final

from .functions import FUNCTIONS, NAMES, Function, Parameter
from .nodes import (
    COMPARISONS,
    Binary,
    Call,
    Constant,
    FormulaError,
    Negative,
    Node,
    Not,
    Reference,
    Type,
)

FindType = Callable[[Reference], Type]  # Raises FormulaError for a field that can't be read

_TEXTS: Final = {
    "number": "a number",
    "text": "a text",
    "datetime": "a date and time",
    "boolean": "true or false",
    "null": "null",
}


def check(node: Node, find_type: FindType) -> Type:
    """The type of a formula's value. Raises FormulaError that names the place."""
    match node:
        case Constant(value):
            return _constant(value)
        case Reference():
            return find_type(node)
        case Not(operand):
            _expect("boolean", operand, find_type, "`not`")
            return "boolean"
        case Negative(operand):
            _expect("number", operand, find_type, "`-`")
            return "number"
        case Binary():
            return _binary(node, find_type)
        case Call():
            return _if(node, find_type) if node.function == "if" else _call(node, find_type)


def check_result(node: Node, find_type: FindType, result: str) -> None:
    """Raise FormulaError unless the formula gives a value of this type."""
    found = check(node, find_type)
    if found not in (result, "null"):
        raise FormulaError(1, f"gives {_TEXTS[found]}, but the field is to hold {_TEXTS[result]}")


def _constant(value: object) -> Type:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "text"
        case _:
            return "number"


def _expect(wanted: Type, node: Node, find_type: FindType, whose: str) -> None:
    found = check(node, find_type)
    if found not in (wanted, "null"):
        raise FormulaError(node.at, f"{whose} takes {_TEXTS[wanted]}, this is {_TEXTS[found]}")


def _binary(node: Binary, find_type: FindType) -> Type:
    operator = node.operator
    if operator in ("and", "or"):
        for part in (node.left, node.right):
            _expect("boolean", part, find_type, f"`{operator}`")
        return "boolean"
    if operator in COMPARISONS:
        kind = _alike((node.left, node.right), find_type, f"`{operator}`")
        if kind == "boolean" and operator not in ("=", "<>"):
            raise FormulaError(node.at, f"true and false have no order for `{operator}`")
        return "boolean"
    if operator == "&":
        check(node.left, find_type)
        check(node.right, find_type)
        return "text"
    for part in (node.left, node.right):
        found = check(part, find_type)
        if found not in ("number", "null"):
            hint = ""
            if operator in "+-" and found == "datetime":
                hint = "; adddays and daysbetween compute with days"
            elif operator == "+" and found == "text":
                hint = "; `&` joins texts"
            reason = f"`{operator}` takes a number, this is {_TEXTS[found]}{hint}"
            raise FormulaError(part.at, reason)
    return "number"


def _alike(nodes: tuple[Node, ...], find_type: FindType, whose: str) -> Type:
    """The one type of all; "null" if they are all always empty."""
    kind: Type = "null"
    for node in nodes:
        found = check(node, find_type)
        if "null" not in (kind, found) and kind != found:
            reason = f"{whose} takes values of one type, not {_TEXTS[kind]} and {_TEXTS[found]}"
            raise FormulaError(node.at, reason)
        kind = found if kind == "null" else kind
    return kind


def _if(node: Call, find_type: FindType) -> Type:
    if len(node.arguments) not in (2, 3):
        raise FormulaError(node.at, "it is if(condition, value) or if(condition, value, otherwise)")
    _expect("boolean", node.arguments[0], find_type, "the condition of `if`")
    return _alike(node.arguments[1:], find_type, "`if`")


def _call(node: Call, find_type: FindType) -> Type:
    function = FUNCTIONS.get(node.function)
    if function is None:
        near = difflib.get_close_matches(node.function, NAMES, 1)
        hint = f"; there is {near[0]}" if near else ""
        raise FormulaError(node.at, f"there is no function {node.function[:40]}{hint}")
    count, most = len(node.arguments), len(function.parameters)
    if count < most - function.optional or (count > most and not function.rest):
        raise FormulaError(node.at, f"it is {function.form}")
    whose = f"{function.name}()"
    last = function.parameters[-1:]
    if last in (("alike",), ("same",)):
        kind = _alike(node.arguments, find_type, whose)
        if last == ("same",) and kind not in ("number", "datetime", "null"):
            reason = f"{whose} takes numbers, or dates and times, this is {_TEXTS[kind]}"
            raise FormulaError(node.at, reason)
        return kind
    for at, argument in enumerate(node.arguments):
        wanted = function.parameters[min(at, most - 1)]
        _argument(wanted, argument, find_type, whose)
    return _result(function)


def _argument(wanted: Parameter, node: Node, find_type: FindType, whose: str) -> None:
    if wanted == "any":
        check(node, find_type)
    elif wanted != "same" and wanted != "alike":  # noqa: PLR1714  each narrows the type
        _expect(wanted, node, find_type, whose)


def _result(function: Function) -> Type:
    if function.result in ("any", "same", "alike"):
        raise ValueError(function.name)
    return function.result  # type: ignore[return-value]
