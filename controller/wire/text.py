"""
The canonical text of a dataclass, written by msgspec where it writes what `strict.canonical` would.

A service's state is written with each of its facts, and Python's own encoder took longer over it than the decision.
The two write the same but for numbers near zero or far from it, which are left to `canonical`.
"""

import re
from typing import Final

import msgspec

from controller.wire.shape import plain
from controller.wire.strict import canonical


def text_of(value: object) -> bytes:
    """Return `canonical(plain(value))` in UTF-8; raises ValueError on NaN, infinities and lone surrogates."""
    told = plain(value)
    text = _encode(told)
    return canonical(told).encode() if _SMALL in text or _has_exponent(text) else text


_encode: Final = msgspec.json.Encoder(order="sorted").encode

# Where the two may differ: msgspec writes 0.00001, 1e-7 and 1e16, Python 1e-05, 1e-07 and 1e+16. Texts that look like
# such a number only cost time.
_SMALL: Final = b"0.0000"
_has_exponent: Final = re.compile(rb"e-?[0-9]+(?:[,}\]]|$)").search
