"""
A long text in groups of whole sentences, each spoken by one inference.

The first group is short, so that a listener who streams hears something early; later ones are long enough to keep
the melody of neighbouring sentences together.
"""

import re
import unicodedata
from collections.abc import Iterator

FIRST_CHARACTERS = 120
MOST_CHARACTERS = 280

# Asked at the beginning of a run of marks alone, and never for less of it: else a page of dots takes a tenth of a
# second, in which nobody else is answered.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+\s+|[。！？]+[」』”’）]*\s*|\n\s*\n\s*")  # noqa: RUF001 - wide marks end sentences too
_CLAUSE_END = re.compile(r"[,;:—–]\s+|[，、；：]\s*")  # noqa: RUF001 - as above
_WORD_END = re.compile(r"\s+")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Prof|No|vs|etc|e\.g|i\.e)$")


def sentence_groups(text: str, first: int = FIRST_CHARACTERS, most: int = MOST_CHARACTERS) -> tuple[str, ...]:
    """
    Cut text into groups of whole sentences, in order, each at most `most` characters long.

    first: up to where sentences are packed into the first group; a longer first sentence stands alone.
    A sentence above `most` is cut at clauses, else words, else anywhere but before a combining mark. Whitespace is
    made single; a group without any letter or digit is left out.
    """
    text = text.strip()
    if len(text) <= min(first, most):
        # All of its pieces would go into the first group.
        return (" ".join(text.split()),) if _speakable(text) else ()
    groups: list[str] = []
    group = ""
    for piece in _fitting(text, most, (_SENTENCE_END, _CLAUSE_END, _WORD_END)):
        limit = most if groups else first
        if group and len(group) + len(piece) > limit:
            groups.append(group)
            group = ""
        group += piece
    groups.append(group)
    return tuple(" ".join(group.split()) for group in groups if _speakable(group))


def _fitting(text: str, most: int, cutters: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    if len(text) <= most and _SENTENCE_END not in cutters:
        yield text
    elif cutters:
        for part in _parts(text, cutters[0]):
            yield from _fitting(part, most, cutters[1:])
    else:
        yield from _chopped(text, most)


def _parts(text: str, cutter: re.Pattern[str]) -> Iterator[str]:
    start = 0
    for end in cutter.finditer(text):
        before = text[max(start, end.start() - 6) : end.start()]
        if cutter is _SENTENCE_END and end.group().startswith(".") and _ABBREVIATION.search(before):
            continue
        yield text[start : end.end()]
        start = end.end()
    if start < len(text):
        yield text[start:]


def _chopped(text: str, most: int) -> Iterator[str]:
    while len(text) > most:
        # Of nothing but marks there is no letter to keep one with.
        cut = next((cut for cut in range(most, 0, -1) if not unicodedata.combining(text[cut])), most)
        yield text[:cut]
        text = text[cut:]
    yield text


def _speakable(text: str) -> bool:
    return any(map(str.isalnum, text))
