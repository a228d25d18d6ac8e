"""Whatever people send as text is either made safe to read aloud or refused with a reason, and never costs minutes."""

import time

import pytest
from hibari.g2p import G2P
from hypothesis import given, settings
from hypothesis import strategies as st

from triton_models.hibari.g2p.text import (
    LONGEST_SENTENCE,
    LONGEST_UTTERANCE,
    Unspeakable,
    clean,
    sentences,
)

PAGE = 4_096


@pytest.mark.parametrize(
    "text",
    [
        "Hello there.",
        "Dr. Smith paid $9.99 on Jan. 5th, at 7:30 pm!",
        "naïve façade\nand a second line",
        "“Yes,” she said…",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Text that people write is read as it stands."""
    plain = text.replace("…", "...")
    assert clean(text.encode(), PAGE) == plain


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        ("\u200b\u200d\ufeff\u202e".encode(), "empty"),
        (b"caf\xe9", "not UTF-8"),
        (b"a" * (PAGE + 1), "4097 characters"),
    ],
    ids=["nothing", "spaces", "invisible", "latin1", "too long"],
)
def test_text_that_cannot_be_read_is_refused(raw: bytes, reason: str) -> None:
    """Empty, undecodable and oversized texts are refused, each with its own reason."""
    with pytest.raises(Unspeakable, match=reason):
        clean(raw, PAGE)


def test_full_page_is_read() -> None:
    """A text of exactly the limit passes, counted in characters and not in bytes."""
    assert len(clean(("é " * (PAGE // 2)).encode(), PAGE)) == PAGE


@pytest.mark.parametrize("unit", ["/", "./-,", "ab/", "a.b/c-d,e", "(a)", "*a*", "a'", "-", "_", "ab-", "1.1.", "&1$"])
def test_page_of_one_unspaced_word_is_read_in_seconds(unit: str) -> None:
    """A page without a space, on which the bare reader takes minutes, is done within three seconds."""
    began = time.process_time()
    G2P(british=False)(clean((unit * PAGE)[:PAGE].encode(), PAGE))
    assert time.process_time() - began < 3


def test_number_of_a_hundred_digits_is_read() -> None:
    """A number too long for the reader's words is read in parts."""
    assert G2P(british=False)(clean(b"9" * 100, PAGE))


@given(st.text(max_size=300))
@settings(deadline=None)
def test_any_text_is_cleaned_or_refused(text: str) -> None:
    """Any text at all is cleaned or refused; nothing else comes out, and no control character is left."""
    try:
        cleaned = clean(text.encode(errors="surrogatepass"), PAGE)
    except Unspeakable:
        return
    assert cleaned.strip()
    assert not any(ord(c) < 32 and c != "\n" for c in cleaned)


@given(st.lists(st.text(alphabet="abc ,;", min_size=1), max_size=5))
def test_parted_sentences_lose_no_sound(phonemes: list[str]) -> None:
    """Parting long sentences keeps every sound in its order, in pieces short enough for the net."""
    phonemes = [sentence * 40 for sentence in phonemes]
    pieces = sentences(phonemes)
    assert "".join(pieces).replace(" ", "") == "".join(phonemes).replace(" ", "")
    assert all(len(piece) <= LONGEST_SENTENCE for piece in pieces)


def test_utterance_of_many_minutes_is_refused() -> None:
    """More speech sounds than one utterance may have are refused with their number."""
    with pytest.raises(Unspeakable, match=f"{LONGEST_UTTERANCE + 1} speech sounds"):
        sentences(["a" * (LONGEST_UTTERANCE + 1)])
