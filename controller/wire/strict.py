"""
JSON read strictly and written canonically.

What lenient readers let pass differently from one another is refused here: duplicate keys, NaN and infinities,
numbers that fit no column, nesting without end, text that no database can hold. Whatever the bytes, the only error is
`Malformed`, and equal bytes give an equal answer on every machine.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Final

from controller.core.errors import Malformed

MESSAGE_LIMIT_BYTES: Final = 256 * 1024
"""The largest inbound message that is read at all."""

DEPTH_LIMIT: Final = 32
"""How many objects and lists may stand inside one another."""

_SHOWN_CHARACTERS: Final = 80
_LONGEST_WHOLE_NUMBER: Final = len("-9223372036854775808")


class Missing:
    """What stands in place of a value that is not there."""


MISSING: Final = Missing()


def refused(path: str, value: object, allowed: str) -> Malformed:
    """Return the error that says where (`data.plan`), what was found there, and what is allowed."""
    return Malformed(f"{path} is {_shown(value)}; allowed: {allowed}")


def parse(raw: bytes, path: str = "message", limit_bytes: int = MESSAGE_LIMIT_BYTES) -> object:
    """
    Read JSON text in UTF-8.

    Returns dict, list, str, int (64 bits), finite float, bool or None. Raises Malformed, never anything else.
    """
    if len(raw) > limit_bytes:
        raise Malformed(f"{path} is {len(raw)} bytes long; allowed: up to {limit_bytes} bytes")
    try:
        text = raw.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise refused(f"{path}, byte {error.start}", raw[error.start : error.start + 8], "UTF-8 text") from None
    except json.JSONDecodeError as error:
        found = error.doc[error.pos : error.pos + 20]
        raise Malformed(
            f"{path}, character {error.pos} is {_shown(found) if found else 'the end'}; allowed: JSON ({error.msg})"
        ) from None
    except RecursionError:
        raise _too_deep(path) from None
    if "\\u" in text or text.count("{") + text.count("[") > DEPTH_LIMIT:
        _check(value, path)
    return value


def parse_object(raw: bytes, path: str = "message", limit_bytes: int = MESSAGE_LIMIT_BYTES) -> dict[str, object]:
    """Read JSON text that must be an object; raises Malformed."""
    value = parse(raw, path, limit_bytes)
    if not isinstance(value, dict):
        raise refused(path, value, "a JSON object")
    return value


def canonical(value: object) -> str:
    """Write JSON the one way: keys sorted, no spaces, every character as itself; ValueError on NaN and infinities."""
    return _ENCODER.encode(value)


def check_text(text: str, path: str) -> None:
    """Raise Malformed when `text` has a character that UTF-8 or a database cannot hold."""
    if "\x00" in text:
        raise refused(path, text, "text without the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refused(path, text, "text without lone surrogates") from None


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Malformed(f"key {_shown(name)} occurs twice in one object; allowed: each key once")
            seen.add(name)
    return value


def _whole_number(text: str) -> int:
    if len(text) <= _LONGEST_WHOLE_NUMBER and -(2**63) <= (value := int(text)) < 2**63:
        return value
    raise Malformed(f"number {text[:40]} has {len(text)} digits; allowed: whole numbers of 64 bits")


def _decimal(text: str) -> float:
    if isfinite(value := float(text)):
        return value
    raise Malformed(f"number {text[:40]} is too large; allowed: numbers that a 64-bit float can hold")


def _no_constant(text: str) -> float:
    raise Malformed(f"number is {text}; allowed: finite numbers")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_whole_number, parse_float=_decimal, parse_constant=_no_constant
)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _check(value: object, path: str) -> None:
    """Walk without recursion over everything inside `value`: depth, and text that came in by escapes."""
    level = [value]
    for depth in range(DEPTH_LIMIT + 1):
        inside: list[object] = []
        for item in level:
            if isinstance(item, str):
                check_text(item, f"text inside {path}")
            elif isinstance(item, dict | list) and depth == DEPTH_LIMIT:
                raise _too_deep(path)
            elif isinstance(item, dict):
                inside += item
                inside += item.values()
            elif isinstance(item, list):
                inside += item
        level = inside


def _too_deep(path: str) -> Malformed:
    return Malformed(f"{path} is nested too deep; allowed: {DEPTH_LIMIT} objects and lists inside one another")


def _shown(value: object) -> str:
    if isinstance(value, Missing):
        return "missing"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
