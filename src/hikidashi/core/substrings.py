"""What finds a text anywhere in a field: the pieces of one to three characters it is made of. Pure.

Words of Japanese often have two characters and are not parted from others, so every place of a
text begins three pieces. A word of up to three characters is one of them. A longer one has pieces
that are rarer than others; a few of those name the texts that are worth a look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .catalog import Field
from .kinds import Storage
from .query import AllOf, AnyOf, Condition, TextMode, TextTest

PIECE_CHARS = 3
_CHOSEN = 3  # pieces of a word that are looked up
_WORTHWHILE = 0.8  # a further piece costs more than it saves if it leaves more than this
_WORDS_MAX = 20  # of what is looked up piece by piece
_PARTS_MAX = 8  # of a condition that are compared for how much they leave over


def has_substrings(field: Field) -> bool:
    """The field is to have an index of pieces."""
    is_text = field.storage is Storage.TEXT and field.value_kind.match == "text"
    return is_text and field.has_index


def serves_substrings(field: Field) -> bool:
    """It has one that holds all items."""
    return has_substrings(field) and not field.is_building


def pieces(folded: str) -> set[str]:
    """All strings of one to three characters in a text."""
    second, third = folded[1:], folded[2:]
    found = set(folded)
    found.update([a + b for a, b in zip(folded, second, strict=False)])
    found.update([a + b + c for a, b, c in zip(folded, second, third, strict=False)])
    return found


def choose_pieces(word: str, sample: Sequence[str]) -> list[str]:
    """The pieces to look a word up by: those that together the fewest texts of a sample have."""
    if len(word) <= PIECE_CHARS:
        return [word]
    ends = range(PIECE_CHARS, len(word) + 1)
    rest = list(dict.fromkeys(word[end - PIECE_CHARS : end] for end in ends))
    chosen: list[str] = []
    left = list(sample)
    while rest and len(chosen) < _CHOSEN:
        often = {one: sum(one in text for text in left) for one in rest}
        best = min(rest, key=often.__getitem__)
        if chosen and often[best] > _WORTHWHILE * len(left):
            break
        chosen.append(best)
        rest.remove(best)
        left = [text for text in left if best in text]
    return chosen


def list_narrowing(condition: Condition) -> list[tuple[TextTest, ...]]:
    """Parts of a condition that indexes of pieces serve: of each, tests of which one must hold.

    Where the condition holds, each of the parts does.
    """
    found: list[tuple[TextTest, ...]] = []
    for part in _all_of(condition):
        tests = tuple(part.parts) if isinstance(part, AnyOf) else (part,)
        served = [one for one in tests if isinstance(one, TextTest) and _is_served(one)]
        words = sum(len(one.values) for one in served)
        if served and len(served) == len(tests) and words <= _WORDS_MAX:
            found.append(tuple(served))
            if len(found) == _PARTS_MAX:
                break
    return found


def is_whole(condition: Condition, part: tuple[TextTest, ...]) -> bool:
    """The condition holds wherever the part does."""
    return [part] == [
        tuple(one.parts) if isinstance(one, AnyOf) else (one,) for one in _all_of(condition)
    ]


def _all_of(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, AllOf):
        for part in condition.parts:
            yield from _all_of(part)
    else:
        yield condition


def _is_served(test: TextTest) -> bool:
    subject = test.subject
    return (
        test.mode not in (TextMode.EQUALS, TextMode.LIKE)
        and isinstance(subject, Field)
        and serves_substrings(subject)
        and all(test.values)
    )
