"""A backtest as a chart: outcomes in either course, and whom bad releases reached."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from controller.backtest.compare import Compared
from controller.backtest.exposure import Exposure
from controller.chart import Bars, Panel, picture, places, scale

_OUTCOMES: Final = ("promoted", "aborted", "reverted", "superseded", "running")
_UNKNOWN: Final = "unknown"
_SHOWN: Final = 24
_AS_IT_WAS: Final = "as it was"

Sides = tuple[str, Exposure, Exposure]
"""A rollout's name, whom its release reached, and whom it would have reached."""


def drawn(compared: Sequence[Compared], name: str) -> str:
    """
    Return the comparison as SVG. name: of what was tried.

    What is unknown is counted as that, and drawn no further. Of bad releases those are shown of which most change,
    at most 24, in their order.
    """
    panels = [_outcomes(compared, name)]
    if worst := _worst(compared):
        names = [rollout for rollout, _, _ in worst]
        requests = [(was.requests, would.requests) for _, was, would in worst]
        minutes = [(was.lasted_ms / 60_000, would.lasted_ms / 60_000) for _, was, would in worst]
        panels += [
            _pairs("Users' requests on bad releases", "rollout", "requests", names, requests, name),
            _pairs("Time that bad releases had users", "rollout", "minutes", names, minutes, name),
        ]
    return picture(panels, len(panels))


def _outcomes(compared: Sequence[Compared], name: str) -> Panel:
    happened = Counter(one.happened.outcome for one in compared)
    would_have = Counter(
        _UNKNOWN if one.unknown or one.would_have is None else one.would_have.outcome for one in compared
    )
    outcomes = (*_OUTCOMES, _UNKNOWN)
    counts = [(happened[outcome], would_have[outcome]) for outcome in outcomes]
    return _pairs("How rollouts end", "outcome", "rollouts", outcomes, counts, name)


def _worst(compared: Sequence[Compared]) -> list[Sides]:
    both = [(one.happened.rollout, *one.sides) for one in compared if one.sides and not one.unknown]
    most = sorted(both, key=_changed, reverse=True)[:_SHOWN]
    return [one for one in both if one in most]


def _changed(sides: Sides) -> tuple[int, int]:
    _, was, would = sides
    return abs(would.requests - was.requests), abs(would.lasted_ms - was.lasted_ms)


def _pairs(
    title: str, axis: str, unit: str, names: Sequence[str], pairs: Sequence[tuple[float, float]], name: str
) -> Panel:
    was, would = Bars(_AS_IT_WAS, tuple(a for a, _ in pairs)), Bars(name, tuple(b for _, b in pairs))
    values = [value for pair in pairs for value in pair]
    return Panel(title, axis, places(names), (was, would), scale(unit, values))
