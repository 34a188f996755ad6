"""A formula as a function of an item: each node becomes a closure, once, before it is computed.

What has no result (a division by zero, a text that is no number, a day that is not in the
calendar) is empty, and what is computed from it goes by the rules for empty values. What was
checked at design time is not checked again.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, Final, TypeAlias

from .functions import FUNCTIONS, Function, Run
from .nodes import Binary, Call, Constant, Negative, Node, Not, Reference
from .values import CONTEXT, Operand, add, modulo, show_operand

Compute: TypeAlias = Callable[[Any], Operand]  # takes a Run; the reader of a field may want more
FindReader = Callable[[Reference], Compute]

_ARITHMETIC: Final[dict[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "+": add,
    "-": CONTEXT.subtract,
    "*": CONTEXT.multiply,
    "/": CONTEXT.divide,
    "%": modulo,
}
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_JOIN = FUNCTIONS["concat"].compute


def compile_formula(node: Node, find_reader: FindReader) -> Compute:
    """The function that computes it; it raises TooMuchWorkError and nothing else."""
    match node:
        case Constant(value):
            return _constant(value)
        case Reference():
            return find_reader(node)
        case Not(operand):
            one = compile_formula(operand, find_reader)
            return lambda run: not one(run)
        case Negative(operand):
            return _negative(compile_formula(operand, find_reader))
        case Binary(operator, left, right):
            return _binary(
                operator, compile_formula(left, find_reader), compile_formula(right, find_reader)
            )
        case Call(name, given):
            arguments = [compile_formula(one, find_reader) for one in given]
            return _if(arguments) if name == "if" else _call(FUNCTIONS[name], arguments)


def _constant(value: Decimal | str | bool | None) -> Compute:
    constant = None if value == "" else value
    return lambda _run: constant


def _negative(operand: Compute) -> Compute:
    def compute(run: Run) -> Operand:
        value = operand(run)
        return CONTEXT.minus(value) if isinstance(value, Decimal) else None

    return compute


def _binary(operator: str, left: Compute, right: Compute) -> Compute:
    match operator:
        case "and":
            return lambda run: bool(left(run)) and bool(right(run))
        case "or":
            return lambda run: bool(left(run)) or bool(right(run))
        case "=":
            return lambda run: _equal(left(run), right(run))
        case "<>":
            return lambda run: not _equal(left(run), right(run))
        case "&":
            return lambda run: _JOIN(run, left(run), right(run)) or None
        case "<" | "<=" | ">" | ">=":
            return _ordered(_ORDER[operator], left, right)
        case _:
            return _arithmetic(_ARITHMETIC[operator], left, right)


def _equal(one: Operand, other: Operand) -> bool:
    """Empty equals empty, and of truth values also false."""
    if one is None or other is None:
        return (one is None or one is False) and (other is None or other is False)
    return one == other


def _ordered(compare: Callable[[Any, Any], bool], left: Compute, right: Compute) -> Compute:
    def compute(run: Run) -> Operand:
        one, other = left(run), right(run)
        if isinstance(one, str) or isinstance(other, str):
            return compare(one or "", other or "")
        return None if one is None or other is None else compare(one, other)

    return compute


def _arithmetic(
    calculate: Callable[[Decimal, Decimal], Decimal], left: Compute, right: Compute
) -> Compute:
    def compute(run: Run) -> Operand:
        one, other = left(run), right(run)
        if isinstance(one, Decimal) and isinstance(other, Decimal):
            try:
                return calculate(one, other)
            except ArithmeticError:
                return None
        return None

    return compute


def _if(arguments: list[Compute]) -> Compute:
    condition, then = arguments[0], arguments[1]
    otherwise = arguments[2] if len(arguments) > 2 else _constant(None)
    return lambda run: then(run) if condition(run) else otherwise(run)


def _call(function: Function, arguments: list[Compute]) -> Compute:
    last = len(function.parameters) - 1
    wants_text = [function.parameters[min(at, last)] == "text" for at in range(len(arguments))]
    wanted = list(zip(arguments, wants_text, strict=True))
    call = function.compute

    def compute(run: Run) -> Operand:
        given: list[Operand] = []
        for argument, is_text in wanted:
            value = argument(run)
            if value is None:
                if is_text:
                    value = ""
                elif not function.takes_empty:
                    return None
            given.append(value)
        try:
            found = call(run, *given)
        except ArithmeticError:
            return None
        return None if found == "" else found

    return compute


__all__ = ["Compute", "FindReader", "Run", "compile_formula", "show_operand"]
