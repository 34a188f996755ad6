"""Formulas: the examples of their page, what is refused and where, and laws that hold for all."""

from __future__ import annotations

import re
import time
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from hikidashi.core.formula import (
    FUNCTIONS,
    NAMES,
    FormulaError,
    Run,
    TooMuchWorkError,
    check,
    compile_formula,
    parse,
    rewrite,
    show,
)
from hikidashi.core.formula.nodes import Binary, Call, Constant, Negative, Not, Reference
from hikidashi.core.formula.values import show_operand
from hikidashi.core.limits import (
    FORMULA_BRACKETS_MAX,
    FORMULA_CHARS_MAX,
    FORMULA_DIGITS_MAX,
    FORMULA_LEVELS_MAX,
    FORMULA_NODES_MAX,
    FORMULA_WORK_MAX,
    TEXT_BYTES_MAX,
)
from hikidashi.core.values import parse_instant

PAGE = Path(__file__).parents[2] / "docs" / "formulas.md"
NOW = parse_instant("2026-01-05T20:30:00Z") or 0
FIELDS: dict[str, tuple[str, Any]] = {  # type and value, as the page has them
    "Amount": ("number", Decimal("12.5")),
    "Rate": ("number", Decimal("0.1")),
    "Name": ("text", "Ann Lee"),
    "Due": ("datetime", parse_instant("2026-02-28T09:00:00Z")),
    "Unit price": ("number", Decimal(3)),
    "Paid": ("boolean", False),
    "Rank": ("text", "gold"),
    "Tags": ("text", "new,hot"),
    "Customer": ("text", "ACME"),
    "Customer.rank": ("number", Decimal(7)),
    "Note": ("text", None),
    "Count": ("number", None),
    "Day": ("datetime", None),
}


def find_type(reference: Reference) -> Any:
    found = FIELDS.get(".".join(reference.path))
    if found is None:
        raise FormulaError(reference.at, f"there is no field {reference.path[0]}")
    return found[0]


def compute(text: str, work: int = FORMULA_WORK_MAX) -> Any:
    tree = parse(text)
    check(tree, find_type)
    run = compile_formula(tree, lambda one: lambda _run: FIELDS[".".join(one.path)][1])
    return run(Run(NOW, work))


def examples() -> list[tuple[str, str]]:
    blocks = re.findall(
        r"^```formulas\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    lines = [line for block in blocks for line in block.splitlines() if line]
    return [(left.strip(), right.strip()) for left, right in (one.split("->") for one in lines)]


@pytest.mark.parametrize(("formula", "result"), examples())
def test_the_examples_of_the_page(formula, result):
    assert show_operand(compute(formula)) == result


def test_the_page_has_an_example_of_every_function_but_those_of_the_clock():
    told = {name for formula, _ in examples() for name in re.findall(r"(\w+)\(", formula)}
    assert told == set(NAMES) - {"now", "today"}


@pytest.mark.parametrize(
    ("formula", "result"),
    [
        ("text(now())", "2026-01-05T20:30:00.000Z"),
        ("text(today())", "2026-01-05T00:00:00.000Z"),
        ("text(today(9))", "2026-01-06T00:00:00.000Z"),
        ("IF(TRUE AND NOT FALSE, UPPER('a'))", "A"),
        ("2 + 3 * 4 - 5 % 3 / 2", "13"),
        ("(2 + 3) * 4", "20"),
        ("10 - 4 - 3", "3"),
        ("- - 2", "2"),
        ("-2 * -3", "6"),
        ("7 % -3", "-2"),
        ("-7 % -3", "-1"),
        ("not 1 = 2 and true", "true"),
        ("1 + 1 = 2 or 1 / 0 = 1", "true"),
        ("'a' & 1 + 1 & 'b' = 'a2b'", "true"),
        (".5", "0.5"),
        ("1.10", "1.1"),
        ("-0.0 & ''", "0"),
        ("100000000000000000000 * 100000000000000", "1" + "0" * 34),
        ("2 / 3", "0." + "6" * 33 + "7"),
        ("left('abc', -1)", ""),
        ("left('abc', 99)", "abc"),
        ("right('abc', 99)", "abc"),
        ("right('abc', 0)", ""),
        ("mid('abc', 0, 2)", "a"),
        ("mid('abc', -5, 2)", ""),
        ("mid('abc', 2.9, 1.9)", "b"),
        ("left('abc', 1000000000000000000000)", ""),
        ("replace('aaa', 'a', '')", ""),
        ("replace('aaa', '', 'b')", "aaa"),
        ("contains(Note, '')", "true"),
        ("contains('Ab', 'ab')", "false"),
        ("upper('straße')", "STRASSE"),
        ("len('日本')", "2"),
        ("number(' 1e3 ')", "1000"),
        ("number('1e999')", ""),
        ("number('１２')", ""),
        ("number('nan')", ""),
        ("number(replace('xxxxxxxxxx', 'x', '1234567890'))", "1234567890" * 3 + "1235" + "0" * 66),
        ("number(replace('xxxxxxxxxx', 'x', '1234567890') & '0123456789') > 0", "true"),
        ("text(12345.678, 0)", "12346"),
        ("text(1, 99)", ""),
        ("text(Count, 2)", ""),
        ("text(true)", "true"),
        ("round(5, 500)", ""),
        ("round(12.5, 300)", "12.5"),
        ("round(50, -2)", "100"),
        ("round(5, -400)", "0"),
        ("floor(1.29, 1)", "1.2"),
        ("min(Day, Due) = Due", "true"),
        ("max(Count)", ""),
        ("sum(0.1, 0.2, 0.3)", "0.6"),
        ("date(2024, 2, 29) = addmonths(date(2023, 2, 28), 12)", "false"),
        ("text(addmonths(date(2024, 3, 31), -1))", "2024-02-29T00:00:00.000Z"),
        ("addmonths(Due, 1000000)", ""),
        ("addmonths(Due, -24312)", ""),
        ("adddays(Due, 1000000000000)", ""),
        ("addhours(Due, 0.0000001) = Due", "true"),
        ("daysbetween(Due, adddays(Due, -10))", "-10"),
        ("daysbetween(addhours(date(1969, 12, 31), 23), date(1970, 1, 1))", "1"),
        ("Count = 0", "false"),
        ("Count <> 0", "true"),
        ("Paid = null", "true"),
        ("Note < 'a'", "true"),
        ("Note >= 'a'", "false"),
        ("isempty('')", "true"),
        ("coalesce(null, Note)", ""),
        ("if(Count > 1, 'more', 'none')", "none"),
        ("not (Count > 1)", "true"),
    ],
)
def test_what_formulas_give(formula, result):
    assert show_operand(compute(formula)) == result


@pytest.mark.parametrize(
    ("formula", "at", "reason"),
    [
        ("", 1, "a value is expected, not the end"),
        ("1 +", 4, "a value is expected, not the end"),
        ("1 + * 2", 5, "a value is expected, not '*'"),
        ("1 2", 3, "'2' is not expected here"),
        ("(1", 3, "')' is expected, not the end"),
        ("left('a', 1", 12, "',' or ')' is expected, not the end"),
        ("left('a' 1)", 10, "',' or ')' is expected, not '1'"),
        ("1 < 2 < 3", 7, "comparisons can't follow one another"),
        ("'abc", 1, "a text that is not closed"),
        ("  {abc", 3, "a brace without its other"),
        ("{}", 1, "braces hold a field"),
        ("{a.b.c}", 1, "braces hold a field"),
        ("1 # 2", 3, "'#' means nothing here"),
        ("1e5", 2, "'e5' is not expected here"),
        ("and", 1, "a value is expected, not 'and'"),
        ("Amount + 'a\0'", 12, "U+0000"),
        ("Nothing + 1", 1, "there is no field Nothing"),
        ("1 + rond(2)", 5, "there is no function rond; there is round"),
        ("round()", 1, "it is round(number, [number])"),
        ("round(1, 2, 3)", 1, "it is round(number, [number])"),
        ("concat()", 1, "it is concat(any, …)"),
        ("if(true)", 1, "it is if(condition, value)"),
        ("if(1, 2)", 4, "the condition of `if` takes true or false, this is a number"),
        ("if(true, 1, 'a')", 13, "`if` takes values of one type, not a number and a text"),
        ("1 + 'a'", 5, "`+` takes a number, this is a text; `&` joins texts"),
        ("Due - 1", 1, "`-` takes a number, this is a date and time; adddays"),
        ("-Name", 2, "`-` takes a number"),
        ("not Amount", 5, "`not` takes true or false"),
        ("1 and true", 1, "`and` takes true or false"),
        ("Amount = Name", 10, "`=` takes values of one type"),
        ("Paid < true", 6, "true and false have no order"),
        ("left(1, 1)", 6, "left() takes a text, this is a number"),
        ("min('a')", 1, "min() takes numbers, or dates and times"),
        ("min(1, Due)", 8, "min() takes values of one type"),
        ("year(Amount)", 6, "year() takes a date and time"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(formula, at, reason):
    with pytest.raises(FormulaError) as raised:
        compute(formula)
    assert raised.value.at == at
    assert reason in raised.value.reason


def nested(levels: int) -> str:
    return "(" * levels + "1" + ")" * levels


def test_each_limit_holds_at_its_end_and_is_told_one_over():
    parse("1" * FORMULA_DIGITS_MAX)
    parse(nested(FORMULA_BRACKETS_MAX - 1))
    parse("+".join("1" * FORMULA_LEVELS_MAX))
    parse(f"sum({','.join('1' * (FORMULA_NODES_MAX - 1))})")
    parse("1".ljust(FORMULA_CHARS_MAX))
    over = {
        "1" * (FORMULA_DIGITS_MAX + 1): "digits",
        nested(FORMULA_BRACKETS_MAX): "nested brackets",
        "+".join("1" * (FORMULA_LEVELS_MAX + 1)): "levels",
        f"sum({','.join('1' * FORMULA_NODES_MAX)})": "parts",
        "1".ljust(FORMULA_CHARS_MAX + 1): "characters",
    }
    for formula, reason in over.items():
        with pytest.raises(FormulaError, match=reason):
            parse(formula)


def test_work_on_text_is_bounded():
    grown = "replace(replace(replace('aaaaaaaaaa', 'a', Name), 'n', Name), 'e', Name)"
    assert len(compute(grown)) > 400
    doubled = "Name"
    for _ in range(30):
        doubled = f"replace({doubled}, 'n', 'nnnnnnnnnn')"
    with pytest.raises(TooMuchWorkError):
        compute(doubled)
    with pytest.raises(TooMuchWorkError):
        compute("Name & Name", work=13)
    assert compute("Name & Name", work=14) == "Ann LeeAnn Lee"
    assert TEXT_BYTES_MAX < FORMULA_WORK_MAX


def test_fields_are_called_otherwise_and_the_rest_of_the_text_stays():
    text = "if( {Unit price}>1 ,Amount , {Customer.rank} )  & 'Amount {Amount}'"
    renamed = rewrite(text, lambda one: tuple(name[0] for name in one.path))
    assert renamed == "if( {U}>1 ,{A} , {C.r} )  & 'Amount {Amount}'"


# --- laws -------------------------------------------------------------------------------------

numerals = st.decimals(0, 10**6, allow_nan=False, places=3) | st.integers(0, 10**9).map(Decimal)
names = st.from_regex(r"[A-Za-z0-9 _-]{1,8}", fullmatch=True).map(str.strip).filter(bool)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
leaves = st.one_of(
    st.builds(Constant, numerals),
    st.builds(Constant, texts),
    st.builds(Constant, st.sampled_from([None, True, False])),
    st.builds(Reference, st.tuples(names) | st.tuples(names, names)),
)
operators = st.sampled_from(
    ["or", "and", "=", "<>", "<", "<=", ">", ">=", "&", "+", "-", "*", "/", "%"]
)


def branches(inner):
    return st.one_of(
        st.builds(Binary, operators, inner, inner),
        st.builds(Not, inner),
        st.builds(Negative, inner),
        st.builds(Call, st.sampled_from(sorted(NAMES)), st.lists(inner, max_size=3).map(tuple)),
    )


trees = st.recursive(leaves, branches, max_leaves=20)


@given(trees)
def test_a_tree_shown_and_read_is_the_same_tree(tree):
    assert parse(show(tree)) == tree


words = st.sampled_from(
    [*"()+-*/%&=<>,{}.'\" ", "<>", "!=", "and", "or", "not", "null", "true", *NAMES, *FIELDS, "1"]
)


@given(st.text(max_size=60) | st.lists(words, max_size=40).map(" ".join))
def test_any_text_is_computed_or_refused_in_words(text):
    try:
        tree = parse(text)
        check(tree, find_type)
    except FormulaError as error:
        place = error.at
    else:
        place = 1
        result = compute(text)
        assert result is None or isinstance(result, (bool, int, str, Decimal))
    assert 1 <= place <= len(text) + 1


numbers = st.integers(-(10**6), 10**6).map(lambda one: Decimal(one) / 1000)
sums = st.recursive(
    numbers.map(lambda one: (str(one) if one >= 0 else f"({one})", Fraction(one))),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda parts: (
            f"({parts[0][0]} {parts[1]} {parts[2][0]})",
            {
                "+": lambda one, other: one + other,
                "-": lambda one, other: one - other,
                "*": lambda one, other: one * other,
            }[parts[1]](parts[0][1], parts[2][1]),
        )
    ),
    max_leaves=4,  # four factors of nine digits are more than 34, but only by zeros
)


@given(sums)
def test_sums_and_products_are_exact(pair):
    text, exact = pair
    found = compute(text)
    rounded = Context(prec=34, rounding=ROUND_HALF_EVEN).divide(
        Decimal(exact.numerator), Decimal(exact.denominator)
    )
    assert abs(Fraction(found) - exact) <= abs(exact) * Fraction(1, 10**30)
    if exact.denominator <= 10**12 and abs(exact.numerator) < 10**33:
        assert found == rounded


@given(numbers, numbers)
def test_division_and_its_rest_fit_python(one, other):
    quotient, rest = compute(f"({one}) / ({other})"), compute(f"({one}) % ({other})")
    if other == 0:
        assert (quotient, rest) == (None, None)
        return
    assert abs(Fraction(quotient) - Fraction(one) / Fraction(other)) < Fraction(1, 10**20)
    assert Fraction(rest) == Fraction(one) % Fraction(other)  # Python's has the divisor's sign


@given(numbers, numbers)
def test_comparisons_fit_python(one, other):
    for sign, expected in {
        "=": one == other,
        "<>": one != other,
        "<": one < other,
        "<=": one <= other,
        ">": one > other,
        ">=": one >= other,
    }.items():
        assert compute(f"({one}) {sign} ({other})") is expected


@given(texts, st.integers(0, 12), st.integers(0, 12))
def test_parts_of_text_fit_python(text, start, count):
    quoted = show(Constant(text))
    assert (compute(f"left({quoted}, {count})") or "") == text[:count]
    assert (compute(f"right({quoted}, {count})") or "") == (text[-count:] if count else "")
    assert (compute(f"mid({quoted}, {start + 1}, {count})") or "") == text[start : start + count]


def test_the_worst_formulas_are_read_and_computed_at_once():
    started = time.perf_counter()
    for text in (
        "1" + "+1" * 4_999,
        "(" * 10_000,
        "{" * 10_000,
        "'" * 9_999,
        "not " * 2_500,
        "-" * 10_000,
        "a(" * 5_000,
        "<" * 10_000,
        "1<" * 5_000,
        " " * 10_000,
        "1 and " * 1_600,
    ):
        with pytest.raises(FormulaError):
            parse(text)
    assert time.perf_counter() - started < 2


def test_every_function_survives_extreme_arguments():
    extremes = {
        "number": ["0", "-1", "9" * 34, "-" + "9" * 34, "0." + "0" * 31 + "1", "Count", "1 / 3"],
        "text": ["''", "Note", "Name", "'１'", "'1e400'"],
        "datetime": ["Day", "Due", "date(1, 1, 1)", "date(9999, 12, 31)"],
    }
    for function in FUNCTIONS.values():
        kinds = [one if one in extremes else "number" for one in function.parameters]
        for index in range(7):
            arguments = [extremes[one][index % len(extremes[one])] for one in kinds]
            compute(f"{function.name}({', '.join(arguments)})")
