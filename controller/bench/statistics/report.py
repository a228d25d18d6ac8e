"""What was measured, as a table and pictures for docs/statistics.md."""

from pathlib import Path
from typing import Final

import numpy as np

from controller.bench.page import MET, put
from controller.bench.statistics.goals import NAMES, Figures, Outcome
from controller.chart import Line, Panel, picture, shares

_SHOWN = ("error 100 %", "error 0.2 -> 2 %", "error 0.2 -> 0.5 %", "p99 x1.5")
_FIRST_MIN, _LAST_MIN = 1 / 6, 480.0
_TICKS: Final = ((1 / 6, "10 s"), (1.0, "1 min"), (5.0, "5 min"), (20.0, "20 min"), (60.0, "1 h"), (480.0, "8 h"))
_STEPS = 120


def table(figures: Figures) -> str:
    """Return the table in Markdown."""
    head = f"| | goal | {' | '.join(NAMES)} | met |\n|---|---|{'---|' * len(NAMES)}---|"
    lines = [f"| {row.name} | {row.goal} | {' | '.join(row.figures)} | {MET[row.met]} |" for row in figures.rows]
    return "\n".join([head, *lines])


def write_docs(figures: Figures, folder: Path) -> None:
    """
    Put the table between the markers of `folder`/statistics.md, and the pictures into `folder`/statistics/.

    Raises Broken when the page or its markers are not there.
    """
    made = f"Made by `segue bench statistics --runs {figures.runs} --seed {figures.seed}`: {figures.runs} runs a row."
    put(folder / "statistics.md", f"{made}\n\n{table(figures)}")
    pictures = folder / "statistics"
    pictures.mkdir(exist_ok=True)
    (pictures / "detection.svg").write_text(_detection(figures))
    (pictures / "false-alarms.svg").write_text(_false_alarms(figures))


def _detection(figures: Figures) -> str:
    shown = [outcome for outcome in figures.outcomes if outcome.case.name in _SHOWN]
    grid = np.geomspace(_FIRST_MIN, _LAST_MIN, _STEPS)
    ticks = tuple((_along(at), told) for at, told in _TICKS)
    panels = [
        Panel(outcome.case.name, "time since the fault began", ticks, _shares(outcome, grid), shares("found"))
        for outcome in shown
    ]
    return picture(panels, 2)


def _false_alarms(figures: Figures) -> str:
    day = 24 * 60
    grid = np.linspace(0, day, _STEPS)
    ticks = tuple((hours / 24, f"{hours} h") for hours in (0, 6, 12, 18, 24))
    panels = [
        Panel(outcome.case.name, "hours of looking", ticks, _shares(outcome, grid, linear=True), shares("taken back"))
        for outcome in figures.outcomes[:2]
    ]
    return picture(panels, 2)


def _shares(
    outcome: Outcome, grid: np.ndarray[tuple[int, ...], np.dtype[np.float64]], linear: bool = False
) -> tuple[Line, ...]:
    return tuple(
        Line(
            name,
            tuple((at / grid[-1] if linear else _along(at), float(np.mean(row <= at + 1e-9))) for at in grid.tolist()),
        )
        for name, row in zip(NAMES, outcome.after_min, strict=True)
    )


def _along(at_min: float) -> float:
    return float(np.log(at_min / _FIRST_MIN) / np.log(_LAST_MIN / _FIRST_MIN))
