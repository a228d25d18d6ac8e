"""What was measured, what it was to be, and whether the one meets the other."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import quantiles


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
        if self.most is None and self.least is None:
            return None
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def goal(self) -> str:
        """The goal in words, empty where there is none."""
        if self.most is not None:
            return f"<= {shown(self.most)} {self.unit}"
        return "" if self.least is None else f">= {shown(self.least)} {self.unit}"


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


def shown(value: float) -> str:
    """Return a number as people read it: three digits that count, thousands apart."""
    if not value:
        return "0"
    if abs(value) < 1:
        return f"{value:.2g}"
    return f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"


def percentiles(took_ms: Sequence[float]) -> tuple[float, float]:
    """Return p50 and p95 of two or more times."""
    cuts = quantiles(took_ms, n=100, method="inclusive")
    return cuts[49], cuts[94]
