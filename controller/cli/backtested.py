"""A backtest as people and machines read it: rollouts, and what they come to."""

from typing import TYPE_CHECKING, Final

from controller.backtest.courses import PROMOTED
from controller.backtest.summary import change
from controller.cli.words import percent
from controller.core.names import FULL_BP
from controller.log import iso

if TYPE_CHECKING:
    from controller.backtest.compare import Compared
    from controller.backtest.courses import Course
    from controller.backtest.exposure import Exposure
    from controller.backtest.summary import Summary

HEAD: Final = ("rollout", "release", "by", "outcome", "began", "ended", "most traffic", "requests", "time", "why")
TOTALS: Final = (
    *("rollouts", "same", "earlier", "later", "other outcome", "unknown"),
    *("requests saved", "added", "time saved", "added", "of it not counted"),
)


def values(compared: "Compared") -> dict[str, object]:
    """Return one rollout for machines."""
    happened, other = compared.happened, compared.would_have
    return {
        "service": compared.service,
        "rollout": happened.rollout,
        "release": happened.version,
        "request": happened.request,
        "happened": _course(happened),
        "would_have": _course(other) if other else None,
        "change": change(compared).value,
        "unknown": compared.unknown,
        "reached": _reached(compared.reached),
        "would_reach": _reached(compared.would_reach),
    }


def rows(compared: "Compared", name: str) -> list[tuple[str, ...]]:
    """Return one rollout in lines: as it went, as it would have gone, and what is not known."""
    happened = compared.happened
    found = [(happened.rollout, happened.version, "as it was", *_cells(happened, compared.reached))]
    if compared.would_have:
        found.append(("", "", name, *_cells(compared.would_have, compared.would_reach)))
    if compared.unknown:
        found.append(("", "", name, "not known", "", "", "", "", "", compared.unknown))
    return found


def totals(summary: "Summary") -> tuple[str, ...]:
    """Return the sums in a line."""
    counts = (summary.rollouts, summary.same, summary.earlier, summary.later, summary.other, summary.unknown)
    requests = (summary.requests_saved, summary.requests_added)
    spans = (summary.saved_ms, summary.added_ms, summary.uncounted_ms)
    return *map(str, (*counts, *requests)), *map(_span, spans)


def _course(course: "Course") -> dict[str, object]:
    return {
        "outcome": course.outcome,
        "reason": course.reason,
        "began_at": iso(course.began_ms / 1000),
        "ended_at": iso(course.ended_ms / 1000) if course.ended_ms >= 0 else None,
        "most_bp": course.most_bp,
    }


def _reached(exposure: "Exposure | None") -> dict[str, object] | None:
    if exposure is None:
        return None
    return {
        "requests": exposure.requests,
        "lasted_s": exposure.lasted_ms / 1000,
        "uncounted_s": exposure.uncounted_ms / 1000,
    }


def _cells(course: "Course", exposure: "Exposure | None") -> tuple[str, ...]:
    ended = iso(course.ended_ms / 1000) if course.ended_ms >= 0 else ""
    most = percent(FULL_BP if course.outcome in PROMOTED else course.most_bp)
    requests, lasted = _told(exposure)
    return course.outcome, iso(course.began_ms / 1000), ended, most, requests, lasted, course.reason


def _told(exposure: "Exposure | None") -> tuple[str, str]:
    if exposure is None:
        return "", ""
    uncounted = f", {_span(exposure.uncounted_ms)} not counted" if exposure.uncounted_ms else ""
    return str(exposure.requests), f"{_span(exposure.lasted_ms)}{uncounted}"


def _span(span_ms: int) -> str:
    minutes, seconds = divmod(round(span_ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
