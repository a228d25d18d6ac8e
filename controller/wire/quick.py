"""
What Segue wrote itself, read at once, where its text is exactly as Segue writes it; other text is for the careful way.

`strict` looks at every number and `shape` at every value, in Python: 0.4 ms for a window of measurements, of which a
day has nine thousand. msgspec reads the same text into the same dataclass forty times as fast, but lets pass what must
not pass: keys that occur twice, whole numbers of more than 64 bits, escaped characters that no database holds. None of
these is in a text whose keys are those of the dataclass, in their order, each once. So that is looked at first, on what
remains of the text when its numbers are left out. Whatever is unusual is left to the careful way, which then says what
is wrong with it, if anything is.
"""

import re
from collections.abc import Callable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T")

_LONGEST: Final = 256 * 1024
_OF_NUMBERS: Final = b"0123456789+-.,[]"
_NOT_OF_NUMBERS: Final = dict.fromkeys(_OF_NUMBERS)
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_TOO_MANY: Final = b"0" * 19
_LONG_NUMBER: Final = re.compile(rb'(?:":|[\[,])-?[0-9]{19}')
"""A whole number of so many digits may be none of 64 bits. Digests may have as many in a row, and are no numbers."""
# No escape but those of one character that are canonical: \u can stand for what no database holds.
_TEXT: Final = r'"[^"\\\x00-\x1f]*(?:\\["\\bfnrt][^"\\\x00-\x1f]*)*"'


def quick(kind: type[T]) -> Callable[[bytes], T | None]:
    """Return how to read JSON text in UTF-8 as this dataclass; it gives None when the text is for the careful way."""
    looks = usual(kind)
    decode = msgspec.json.Decoder(kind).decode

    def read(text: bytes) -> T | None:
        try:
            return decode(text) if looks(text) else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    return read


def usual(kind: type) -> Callable[[bytes], bool]:
    """Return how to tell that a text, if it is JSON of this dataclass at all, hides nothing that msgspec overlooks."""
    outline = re.compile(_outline(kind).encode())

    def looks(text: bytes) -> bool:
        return (
            len(text) <= _LONGEST
            and not (_TOO_MANY in text.translate(_DIGITS) and _LONG_NUMBER.search(text))
            and outline.fullmatch(text.translate(None, _OF_NUMBERS)) is not None
        )

    return looks


def _outline(hint: Any) -> str:
    """Return a pattern of the canonical text of a type, without the characters that numbers and lists are made of."""
    if hint is int:
        return ""
    if hint is float:
        return "[eE]?"
    if hint is bool:
        return "(?:true|false)"
    if hint is msgspec.Raw:
        return r"\{\}"
    if hint is str or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return _TEXT
    if is_dataclass(hint):
        return _outline_of_fields(hint)
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (item for item in get_args(hint) if item is not NoneType)
        return f"(?:null|{_outline(inner)})"
    assert get_origin(hint) is tuple, f"no outline of {hint}"
    items = get_args(hint)
    if items[1:] == (...,):
        return f"(?:{each})*" if (each := _outline(items[0])) else ""
    return "".join(map(_outline, items))


def _outline_of_fields(kind: Any) -> str:
    hints = get_type_hints(kind)
    members = []
    left = {field.name: field.name.translate(_NOT_OF_NUMBERS) for field in fields(kind)}
    assert len(set(left.values())) == len(left), f"fields of {kind.__name__} differ in digits only"
    for field in sorted(fields(kind), key=lambda field: field.name):
        member = f'"{left[field.name]}":{_outline(hints[field.name])}'
        # What an older version wrote lacks fields that came later; those have defaults.
        needed = field.default is NO_DEFAULT and field.default_factory is NO_DEFAULT
        members.append(member if needed else f"(?:{member})?")
    return rf"\{{{''.join(members)}\}}"
