"""Texts as pairs of characters, and words marked in them."""

from __future__ import annotations

import pytest

from hikidashi.core.full_text import grams, highlights, pairs, runs
from hikidashi.core.limits import HIGHLIGHTS_MAX, SEARCHED_CHARS_MAX


def em(text: str) -> str:
    return f"<em class='searched_em'>{text}</em>"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("議", "議"),
        ("議事録", "議事 事録 録"),
        ("東京、大阪", "東京 京 大阪 阪"),
        ("Ａb-1_2", "ab b 1 2"),
        ("ｶﾞｽ", "ガス ス"),
        ("ΣΑΣ", "σα ας ς".replace("ς", "σ")),
        ("…!?★", ""),
        ("サーバー", "サー ーバ バー ー"),
        ("a\0b\n\tc", "a b c"),
    ],
    ids=repr,
)
def test_a_text_is_kept_as_its_pairs_and_last_characters(text, kept):
    assert grams(text) == kept


def test_a_word_is_asked_for_by_its_pairs():
    assert pairs("議事録") == ["議事", "事録"]
    assert pairs("議") == ["議"]
    assert runs("「ＡＢＣ 社」") == ["abc", "社"]


def test_of_a_long_text_the_beginning_is_searched():
    assert runs("あ" * SEARCHED_CHARS_MAX + "い") == ["あ" * SEARCHED_CHARS_MAX]


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("今日の議事録です", ["議事"], f"今日の{em('議事')}録です"),
        ("Tom & <b>Tom</b>", ["tom"], f"{em('Tom')} &amp; &lt;b&gt;{em('Tom')}&lt;/b&gt;"),
        ("ＡＢＣ社のｶﾞｽ", ["bc", "ガス"], f"Ａ{em('ＢＣ')}社の{em('ｶﾞｽ')}"),
        ("か\u3099んばる", ["がん"], f"{em('か' + chr(0x3099) + 'ん')}ばる"),
        ("東京都京都", ["東京", "京都"], em("東京都京都")),
        ("㈱ヤマダ", ["株"], f"{em('㈱')}ヤマダ"),
        ("nothing", ["other"], "nothing"),
        ("", ["x"], ""),
    ],
    ids=repr,
)
def test_words_are_marked_in_the_text_as_it_was_written(text, words, shown):
    assert highlights(text, words) == [shown]


def test_of_a_long_text_the_surroundings_are_shown():
    text = ("x" * 300 + "議事" + "y" * 300) * 10
    shown = highlights(text, ["議事"])
    assert len(shown) == HIGHLIGHTS_MAX
    assert shown[0] == "x" * 40 + em("議事") + "y" * 60
    assert highlights("z" * 300, ["議事"]) == ["z" * 200]
