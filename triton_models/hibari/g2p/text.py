"""
What people send as text, made safe to read aloud: bounded, without the runs that cost a reader minutes.

The reader's rules are cubic in the marks inside an unspaced word and give up on numbers of hundreds of digits, so one
line of slashes would hold the stage for minutes. No text that somebody reads aloud has either.
"""

import re
import unicodedata

LONGEST_WORD = 40
MOST_MARKS_IN_A_WORD = 12
LONGEST_NUMBER = 15
LONGEST_PUNCTUATION = 6
LONGEST_SENTENCE = 400
"""Phonemes the acoustic net reads at once; a longer sentence is parted where it breathes, else between words."""
LONGEST_UTTERANCE = 8_192
"""Phonemes in all, about ten minutes: a page of figures is several times longer aloud than on paper."""

_MARK = r"(?:[^\w\s]|_)"
_PUNCTUATION = re.compile(rf"({_MARK}{{{LONGEST_PUNCTUATION}}}){_MARK}+")
# The space goes before a letter or digit: the reader closes the gap before a comma again.
_WORD = re.compile(rf"(?:(?:[^\W_]*+{_MARK}++){{{MOST_MARKS_IN_A_WORD}}}|\S{{{LONGEST_WORD}}})\S*?(?=[^\W_])")
_NUMBER = re.compile(rf"\d{{{LONGEST_NUMBER}}}(?=\d)")
_CLAUSE = re.compile(r"(?<=[,;:—])\s+")
_MEANINGLESS = ("Cc", "Cf", "Co", "Cn", "Cs")


class Unspeakable(Exception):
    """This text cannot be read aloud; the message says why."""


def clean(raw: bytes, max_characters: int) -> str:
    """Decode a request's text and make it safe to read. Raises Unspeakable when it is not text, too long or empty."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Unspeakable(f"the text is not UTF-8 (byte {error.start})") from error
    if len(text) > max_characters:
        raise Unspeakable(f"the text has {len(text)} characters; this release reads up to {max_characters}")
    # Full-width and styled letters become plain ones; control characters, line breaks apart, mean nothing aloud.
    text = unicodedata.normalize("NFKC", text)
    text = "".join(" " if c != "\n" and unicodedata.category(c) in _MEANINGLESS else c for c in text)
    # What NFKC did not join to a letter is decoration.
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = _PUNCTUATION.sub(r"\1", text)
    text = _NUMBER.sub(lambda run: run.group() + " ", text)
    text = _WORD.sub(lambda run: run.group() + " ", text)
    if not text.strip():
        raise Unspeakable("the text is empty")
    return text


def sentences(phonemes: list[str]) -> list[str]:
    """
    Part sentences that are too long for the acoustic net: at clauses, else at words, else anywhere.

    Raises Unspeakable when they are too much for one utterance.
    """
    if (total := sum(map(len, phonemes))) > LONGEST_UTTERANCE:
        raise Unspeakable(f"the text is {total} speech sounds long; one utterance has up to {LONGEST_UTTERANCE}")
    return [piece for sentence in phonemes for piece in _parted(sentence)]


def _parted(sentence: str) -> list[str]:
    if len(sentence) <= LONGEST_SENTENCE:
        return [sentence]
    window = sentence[:LONGEST_SENTENCE]
    breaks = [clause.end() for clause in _CLAUSE.finditer(window)]
    cut = breaks[-1] if breaks else window.rfind(" ") + 1 or LONGEST_SENTENCE
    return [sentence[:cut].strip(), *_parted(sentence[cut:].strip())]
