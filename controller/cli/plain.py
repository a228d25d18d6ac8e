"""
What others wrote, on its way to people: text is text, and no terminal obeys it.

Reasons, actors, alerts' names and messages that could not be read are whatever somebody typed or sent. What a terminal
would obey in them (colours, titles, ends of lines, C1, changes of direction) is written out, as `\\x1b`.
"""

import json
import unicodedata
from collections.abc import Iterator
from typing import Final

import typer

_IN_WORDS: Final = "\u200c\u200d"
"""They part or join letters in Persian and Hindi, and pictures that are made of several; a terminal obeys neither."""


def plain(text: str, *, lines: bool = False) -> str:
    """Return a text as it can be shown. lines: whether the ends of its lines are to stay, and tabs within them."""
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(one if one in kept or _is_harmless(one) else _written_out(one) for one in text)


def say(text: object = "", *, err: bool = False, lines: bool = False) -> None:
    """Tell people a line. err: on standard error. lines: it may be of several."""
    typer.echo(plain(str(text), lines=lines), err=err)


def as_json(value: object) -> str:
    """Return a value as a line of JSON in which nothing is left to obey, and from which it is read as it was."""
    return _obeyed_by_none(json.dumps(value, ensure_ascii=False))


def as_document(value: object) -> Iterator[str]:
    """Yield the same as a document of many lines, in parts."""
    return map(_obeyed_by_none, json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value))


def _obeyed_by_none(part: str) -> str:
    # Outside of texts JSON has no character that would be written out, but for the ends of its lines.
    return part if part.isprintable() else "".join(map(_in_json, part))


def _is_harmless(character: str) -> bool:
    # Spaces other than the usual one, such as the wide one of Japanese, do not count as printable.
    return character.isprintable() or character in _IN_WORDS or unicodedata.category(character) == "Zs"


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _in_json(character: str) -> str:
    return character if character == "\n" or _is_harmless(character) else json.dumps(character)[1:-1]
