"""The formulas of calc fields: text to tree, tree checked, tree computed. docs/formulas.md is theirs."""

from __future__ import annotations

from .checking import check, check_result
from .evaluation import Compute, compile_formula
from .functions import FUNCTIONS, NAMES, Run
from .nodes import RESULTS, FormulaError, Node, Reference, Type, references, show, walk
from .parsing import names_read, parse, rewrite
from .values import Operand, TooMuchWorkError, number_of

__all__ = [
    "FUNCTIONS",
    "NAMES",
    "RESULTS",
    "Compute",
    "FormulaError",
    "Node",
    "Operand",
    "Reference",
    "Run",
    "TooMuchWorkError",
    "Type",
    "check",
    "check_result",
    "compile_formula",
    "names_read",
    "number_of",
    "parse",
    "references",
    "rewrite",
    "show",
    "walk",
]
