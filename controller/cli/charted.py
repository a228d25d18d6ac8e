"""The report as a chart: six figures over the months, with bars for each service, or for all together when many."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from controller.chart import COLOURS, Bars, Panel, Scale, picture, places, scale, shares

if TYPE_CHECKING:
    from controller.journal.monthly import Report

_FIGURES: Final = (
    ("deployments", "promoted", "rollouts"),
    ("lead_time_s", "from request to promotion, median", ""),
    ("change_failure_rate", "changes that failed", "of all changes"),
    ("time_to_restore_s", "from the first sign to the last router, median", ""),
    ("exposed_requests", "spoken by releases that failed", "requests"),
    ("false_alarms", "false alarms", "rollbacks"),
)
"""Name in the report, title, and what is counted; "" for a time."""

_UNITS: Final = ((172_800, 86_400, "days"), (7_200, 3_600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))
"""From how many seconds on a figure is told in a unit, and how many seconds that has."""


def chart(report: "Report") -> str:
    """Return the chart of a report with at least one rollout as SVG; months without any stand empty between others."""
    months = list(_from_to(min(report.by_month), max(report.by_month)))
    services = sorted({service for service, _ in report.by_service})
    if len(services) <= len(COLOURS):
        rows = {name: [report.by_service.get((name, month)) for month in months] for name in services}
    else:
        rows = {f"all {len(services)} services": [report.by_month.get(month) for month in months]}
    panels = []
    for name, title, counted in _FIGURES:
        figures = {row: [getattr(sums, name, None) for sums in found] for row, found in rows.items()}
        on = _scale(name, counted, [figure for found in figures.values() for figure in found])
        series = tuple(Bars(row, tuple(found)) for row, found in figures.items())
        panels.append(Panel(title, "months, UTC", places(months), series, on))
    return picture(panels, 2)


def _scale(name: str, counted: str, figures: Sequence[float | None]) -> Scale:
    if name == "change_failure_rate":
        return shares(counted)
    if counted:
        return scale(counted, figures, whole=True)
    most_s = max((figure for figure in figures if figure is not None), default=0)
    unit_s, unit = next((unit_s, unit) for from_s, unit_s, unit in _UNITS if most_s >= from_s)
    told = scale(unit, [most_s / unit_s])
    return Scale(unit, told.top * unit_s, tuple((value * unit_s, text) for value, text in told.ticks))


def _from_to(first: str, last: str) -> Iterator[str]:
    year, month = map(int, first.split("-"))
    while f"{year:04}-{month:02}" <= last:
        yield f"{year:04}-{month:02}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
