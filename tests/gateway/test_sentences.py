"""How long texts are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.gateway.sentences import FIRST_CHARACTERS, MOST_CHARACTERS, sentence_groups

SENTENCE = "It was the best of times, it was the worst of times. "


def test_short_text_is_one_group() -> None:
    """What fits is spoken in one go, with its white space made single."""
    assert sentence_groups(" Hello  there.\nHow are\tyou? ") == ("Hello there. How are you?",)


def test_first_group_is_short() -> None:
    """The first group holds few sentences, so that it is heard early; later ones hold more."""
    groups = sentence_groups(SENTENCE * 20)
    assert len(groups[0]) <= FIRST_CHARACTERS
    assert max(map(len, groups[1:])) > FIRST_CHARACTERS


def test_groups_end_where_sentences_end() -> None:
    """Sentences that fit are never cut."""
    assert all(group.endswith("times.") for group in sentence_groups(SENTENCE * 40))


@pytest.mark.parametrize("text", ["She paid 3.14 to Dr. Smith", "e.g. this", "J. S. Bach wrote it", "It is 10:30, sir"])
def test_not_every_dot_ends_a_sentence(text: str) -> None:
    """Decimals, initials and common abbreviations stay whole even when groups are tiny."""
    assert sentence_groups(text, first=1, most=40) == (text,)


def test_wide_marks_end_sentences_without_a_space() -> None:
    """Chinese and Japanese sentences end at their own marks."""
    assert sentence_groups("今日は晴れ。明日は雨。", first=6, most=6) == ("今日は晴れ。", "明日は雨。")


def test_long_sentence_is_cut_at_clauses_then_words() -> None:
    """A sentence above the limit is cut at a comma if there is one, else between words."""
    assert sentence_groups("one two three, four five six", first=14, most=15) == ("one two three,", "four five six")
    assert sentence_groups("one two three four", first=8, most=8) == ("one two", "three", "four")


def test_combining_mark_stays_with_its_letter() -> None:
    """A word without end is cut, but never before a combining mark."""
    assert sentence_groups("a" * 4 + "e\u0301" + "a" * 3, first=5, most=5) == ("aaaa", "e\u0301aaa")


@given(st.text(max_size=600), st.integers(1, 40), st.integers(40, 80))
def test_nothing_speakable_is_lost(text: str, first: int, most: int) -> None:
    """Every letter and digit is spoken exactly once and in order, in groups that fit and have something to speak."""
    groups = sentence_groups(text, first, most)
    assert [c for c in "".join(groups) if c.isalnum()] == [c for c in text if c.isalnum()]
    assert all(len(group) <= most for group in groups)
    assert all(any(map(str.isalnum, group)) for group in groups)


def test_a_page_is_cut_into_few_groups() -> None:
    """The longest text there may be takes no more inferences than its length asks for."""
    groups = sentence_groups(SENTENCE * 77)
    assert len(groups) <= 2 * 77 * len(SENTENCE) / MOST_CHARACTERS
