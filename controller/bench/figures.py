"""What was measured, what it was to be, and whether the one meets the other."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Final

_MOST_DIGITS: Final = 15
"""More than that a number does not have."""


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One measured thing.

    part: what it belongs to. unit: of value, and of goal. most, least: the goal, None where there is none. told: what
    else there is to know, such as a floor of the same run.
    """

    part: str
    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None
    told: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return _met(self.value, self.most, self.least)

    @property
    def measured(self) -> str:
        """The value in words, in as many digits as it takes to see on which side of the goal it is."""
        return f"{shown(self.value, self._more)} {self.unit}"

    @property
    def goal(self) -> str:
        """The goal in words, empty where there is none; in as many digits as the value has."""
        if self.most is not None:
            return f"<= {shown(self.most, self._more)} {self.unit}"
        return "" if self.least is None else f">= {shown(self.least, self._more)} {self.unit}"

    @property
    def _more(self) -> int:
        """How many digits more than usual."""
        enough = (more for more in range(_MOST_DIGITS) if self._read(more) == self.met)
        return next(enough, _MOST_DIGITS)

    def _read(self, more: int) -> bool | None:
        """Whether the goal is met, as far as one can read."""
        numbers = (self.value, self.most, self.least)
        value, most, least = (None if one is None else float(shown(one, more).replace(",", "")) for one in numbers)
        return _met(value or 0.0, most, least)


def _met(value: float, most: float | None, least: float | None) -> bool | None:
    if most is None and least is None:
        return None
    return (most is None or value <= most) and (least is None or value >= least)


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"


@dataclass(frozen=True, slots=True)
class Report:
    """
    What a bench measured. of: how much it looked at, as JSON values by name. figures: in the order of measuring.

    machine: in words.
    """

    of: Mapping[str, object]
    figures: Sequence[Figure]
    machine: str = field(default_factory=_machine)

    @property
    def met(self) -> bool:
        """Whether no goal is missed."""
        return all(one.met is not False for one in self.figures)

    def told(self) -> dict[str, object]:
        """Return it as JSON values."""
        figures = [{**asdict(one), "goal": one.goal, "met": one.met} for one in self.figures]
        return {"machine": self.machine, **self.of, "met": self.met, "figures": figures}


def shown(value: float, more: int = 0) -> str:
    """Return a number as people read it: three digits that count, or some more, thousands apart."""
    if not value:
        return "0"
    if abs(value) < 1:
        return f"{value:.{2 + more}g}"
    return f"{value:.{1 + more}f}" if abs(value) < 100 else f"{value:,.{more}f}"


def percentiles(took_ms: Sequence[float]) -> tuple[float, float]:
    """Return p50 and p95 of two or more times."""
    cuts = quantiles(took_ms, n=100, method="inclusive")
    return cuts[49], cuts[94]
