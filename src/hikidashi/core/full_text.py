"""What the search over all datastores compares: pairs of neighbouring characters. Pure.

Words of Japanese are not parted by spaces, and most have two characters. So a text is kept as the
pairs in it: a run of letters or digits gives each two that stand side by side, and its last one
alone. A word is found where its pairs follow one another; a single character where a pair, or a
last one, begins with it. What is neither letter nor digit only parts runs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from html import escape
from itertools import pairwise

from .catalog import Datastore
from .items import HistoryEntry, Item
from .limits import HIGHLIGHTS_MAX, SEARCHED_CHARS_MAX
from .plan import IndexText, Text
from .query import fold

MARK = ("<em class='searched_em'>", "</em>")
_RUN = re.compile(r"[^\W_]+")
_CLUSTER = re.compile("(?s:.)[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*")
_WHOLE_CHARS = 200  # a text up to this length is shown whole
_BEFORE, _AFTER = 40, 60  # characters shown around a word in a longer one


def runs(text: str) -> list[str]:
    """The runs of letters and digits, in the form that is compared."""
    return _RUN.findall(fold(text[:SEARCHED_CHARS_MAX]))


def pairs(run: str) -> list[str]:
    """A run as its pairs; a single character as itself."""
    return [one + other for one, other in pairwise(run)] or [run]


def grams(text: str) -> str:
    """A text as it is kept: pairs and last characters, parted by spaces."""
    found: list[str] = []
    for run in runs(text):
        if len(run) > 1:
            found += pairs(run)
        found.append(run[-1])
    return " ".join(found)


# --- what a write has to say ------------------------------------------------------------------


def index_step(  # noqa: PLR0913  a write
    datastore: Datastore,
    item: Item,
    changed: Sequence[str],
    history: HistoryEntry,
    names: Sequence[Text],
    *,
    is_published: bool,
) -> IndexText | None:
    """The step that keeps what is searched in line with a written item; None if there is none.

    `names`: those of the files that come and go.
    """
    texts = value_texts(datastore, item, None if item.rev == 1 else changed)
    if history.comment:
        texts.append(comment_text(history))
    texts += names
    return IndexText(item, tuple(texts), is_published) if texts or is_published else None


def value_texts(
    datastore: Datastore, item: Item, changed: Collection[str] | None = None
) -> list[Text]:
    """The texts of an item's values, all or those of the fields that changed."""
    return [
        Text("items", one.id, one.id, one.kind.text(item.values.get(one.id), one.settings))
        for one in datastore.text_fields
        if one.kind.match == "text" and (changed is None or one.id in changed)
    ]


def comment_text(history: HistoryEntry) -> Text:
    """A comment as it is searched; empty once it is deleted."""
    return Text("histories", "", str(history.seq), history.comment)


# --- what a search shows ----------------------------------------------------------------------


def highlights(text: str, words: Sequence[str]) -> list[str]:
    """The text, or what is around the words in a long one, as HTML with the words marked."""
    found = list(_places(text, words))
    if len(text) <= _WHOLE_CHARS:
        return [_marked(text, 0, len(text), found)]
    shown: list[tuple[int, int]] = []
    for start, end in found:
        low, high = max(start - _BEFORE, 0), min(end + _AFTER, len(text))
        if shown and low <= shown[-1][1]:
            shown[-1] = (shown[-1][0], high)
        elif len(shown) == HIGHLIGHTS_MAX:
            break
        else:
            shown.append((low, high))
    return [_marked(text, low, high, found) for low, high in shown or [(0, _WHOLE_CHARS)]]


def _marked(text: str, low: int, high: int, found: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = low
    for start, end in found:
        if low <= start and end <= high:
            parts += (escape(text[at:start], quote=False), MARK[0])
            parts += (escape(text[start:end], quote=False), MARK[1])
            at = end
    parts.append(escape(text[at:high], quote=False))
    return "".join(parts)


def _places(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the words stand in a text, in order; those that touch are one place."""
    folded, origin = _aligned(text[:SEARCHED_CHARS_MAX])
    hits = sorted(
        (at.start(), at.end()) for word in words for at in re.finditer(re.escape(word), folded)
    )
    last: tuple[int, int] | None = None
    for start, end in hits:
        here = (start, end) if origin is None else (origin[start][0], origin[end - 1][1])
        if last is not None and here[0] <= last[1]:
            last = (last[0], max(last[1], here[1]))
            continue
        if last is not None:
            yield last
        last = here
    if last is not None:
        yield last


def _aligned(text: str) -> tuple[str, list[tuple[int, int]] | None]:
    """The text as it is compared, and what each character of that comes from; None: the same."""
    folded = fold(text)
    if len(folded) == len(text) and unicodedata.is_normalized("NFKC", text):
        return folded, None
    parts: list[str] = []
    origin: list[tuple[int, int]] = []
    for cluster in _CLUSTER.finditer(text):
        part = fold(cluster[0])
        parts.append(part)
        origin += [cluster.span()] * len(part)
    return "".join(parts), origin
