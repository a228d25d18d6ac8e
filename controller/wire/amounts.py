"""
Amounts as people write them: "5 %", "24h", "09:30". Each is read exactly or refused, never rounded.

The types stand for numbers in the core's units; their JSON Schema shows the text that is read.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from controller.core.names import FULL_BP

_UNITS_S: Final = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86_400),
    "w": Decimal(604_800),
}
_PERCENT: Final = r"^[0-9]{1,3}(\.[0-9]{1,2})? ?%$"
_SHARE: Final = r"^[0-9]{1,4}(\.[0-9]{1,6})? ?%$"
_SPAN: Final = r"^([0-9]{1,9}(\.[0-9]{1,3})? ?(ms|s|m|h|d|w) ?)+$"
_CLOCK: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
_LONGEST_TEXT: Final = 40
_YEAR_S: Final = 366 * 86_400


def _read(pattern: str, most: float, allowed: str, meaning: Callable[[str], int | float]) -> BeforeValidator:
    compiled = re.compile(pattern)

    def value(text: object) -> int | float:
        readable = isinstance(text, str) and len(text) <= _LONGEST_TEXT and compiled.fullmatch(text)
        amount = meaning(str(text)) if readable else None
        # Asked here, so that who wrote "400d" is not told of 34560000.
        if amount is None or amount > most:
            raise ValueError(allowed)
        return amount

    return BeforeValidator(value)


def _basis_points(text: str) -> int:
    return int(Decimal(text.rstrip("% ")) * 100)


def _seconds(text: str) -> float:
    parts = re.findall(r"([0-9.]+) ?([a-z]+)", text)
    return float(sum((Decimal(number) * _UNITS_S[unit] for number, unit in parts), Decimal(0)))


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _portion(text: object) -> object:
    if not isinstance(text, str):
        return text
    if len(text) <= _LONGEST_TEXT and re.fullmatch(_SHARE, text):
        return float(Decimal(text.rstrip("% ")) / 100)
    raise ValueError('a share such as 0.25 or "25 %"')


BasisPoints = Annotated[int, Field(ge=0, le=FULL_BP)]
"""A share of traffic, 0 to 10000."""

Percent = Annotated[
    int,
    _read(_PERCENT, FULL_BP, 'text such as "5 %" or "0.25 %": 0 % to 100 %, no finer than 0.01 %', _basis_points),
    WithJsonSchema({"type": "string", "pattern": _PERCENT, "examples": ["5 %", "0.25 %"]}),
]
"""A share of traffic as text, read as basis points."""

Span = Annotated[
    float,
    _read(_SPAN, _YEAR_S, 'text such as "90s", "10m" or "1h 30m", with units ms, s, m, h, d, w, up to 366d', _seconds),
    WithJsonSchema({"type": "string", "pattern": _SPAN, "examples": ["10m", "24h", "1h 30m"]}),
]
"""A time span as text, read as seconds."""

Portion = Annotated[
    float,
    BeforeValidator(_portion),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": _SHARE}], "examples": [0.25, "25 %"]}),
]
"""A share of something else than traffic: a number, or per cent as text."""

Clock = Annotated[
    int,
    _read(_CLOCK, 24 * 60, 'a time of day such as "09:30", up to "24:00"', _minutes),
    WithJsonSchema({"type": "string", "pattern": _CLOCK, "examples": ["09:00", "24:00"]}),
]
"""A time of day as text, read as minutes since midnight."""
