"""
What came of the rollouts, by service and month: how often, how soon, how many failed, and whom the bad ones reached.

The rows are those of the view `audit_changes`; without a filter the sums are those of `audit_months`.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from sqlalchemy import BigInteger, Float, Text, bindparam, column, select, table

from controller.journal.store import Store
from controller.journal.tables import Instant
from controller.wire.strict import check_text


@dataclass(frozen=True, slots=True)
class Change:
    """
    What one rollout counts as; the columns of `audit_changes`.

    result: running, promoted, failed, false_alarm, superseded, withdrawn, unheard or way_back. What it had not is None.
    """

    service: str
    month: str
    result: str
    lead_time_s: float | None
    time_to_restore_s: float | None
    exposed_s: float | None
    exposed_requests: int | None


@dataclass(frozen=True, slots=True)
class Sums:
    """
    What some rollouts amount to.

    deployments: promoted, whatever came later. changes: those that met users and had an outcome: stayed, failed, or
    were marked as a false alarm. lead_time_s, time_to_restore_s: medians; None without any, as is the rate without
    changes. exposed_requests, exposed_s: of those that failed. running: not over, and in no other number.
    """

    deployments: int
    lead_time_s: float | None
    changes: int
    failed: int
    false_alarms: int
    change_failure_rate: float | None
    time_to_restore_s: float | None
    exposed_requests: int
    exposed_s: float
    superseded: int
    withdrawn: int
    unheard: int
    ways_back: int
    running: int


@dataclass(frozen=True, slots=True)
class Report:
    """Sums by (service, month) and by month, in the order of month and service, and of all that was asked for."""

    by_service: dict[tuple[str, str], Sums]
    by_month: dict[str, Sums]
    total: Sums

    def told(self) -> dict[str, object]:
        """Return it as plain JSON."""
        return {
            "months": [
                {"service": service, "month": month, **asdict(sums)}
                for (service, month), sums in self.by_service.items()
            ],
            "all_services": [{"month": month, **asdict(sums)} for month, sums in self.by_month.items()],
            "total": asdict(self.total),
        }


async def report(
    store: Store, service: str | None = None, since_ms: int | None = None, until_ms: int | None = None
) -> Report:
    """
    Return the report of one service or of all.

    since_ms, until_ms: milliseconds since 1970 UTC, both inclusive; of the promotion, else of the end, and of a rollout
    that runs, of its start. Raises Malformed for a name that no database can hold.
    """
    check_text(service or "", "service")
    asked = select(*(_C[name] for name in Change.__slots__)).order_by(_C.month, _C.service)
    values: dict[str, object] = {}
    if service is not None:
        asked, values["service"] = asked.where(_C.service == bindparam("service")), service
    if since_ms is not None:
        asked, values["since"] = asked.where(_C.counted_at >= bindparam("since")), max(since_ms, 0)
    if until_ms is not None:
        asked, values["until"] = asked.where(_C.counted_at <= bindparam("until")), max(until_ms, -1)
    return summed([Change(*row) for row in await store.rows(asked, values)])


def summed(changes: Iterable[Change]) -> Report:
    """Return the sums of these rollouts."""
    by_service: defaultdict[tuple[str, str], list[Change]] = defaultdict(list)
    by_month: defaultdict[str, list[Change]] = defaultdict(list)
    every: list[Change] = []
    for one in changes:
        by_service[one.service, one.month].append(one)
        by_month[one.month].append(one)
        every.append(one)
    return Report(
        {place: _sums(by_service[place]) for place in sorted(by_service, key=lambda place: (place[1], place[0]))},
        {month: _sums(by_month[month]) for month in sorted(by_month)},
        _sums(every),
    )


def _sums(changes: list[Change]) -> Sums:
    def count(*results: str) -> int:
        return sum(one.result in results for one in changes)

    failed = [one for one in changes if one.result == _FAILED]
    lead_times_s = [one.lead_time_s for one in changes if one.lead_time_s is not None]
    decided = count("promoted", _FAILED, "false_alarm")
    return Sums(
        deployments=len(lead_times_s),
        lead_time_s=_middle_s(lead_times_s),
        changes=decided,
        failed=len(failed),
        false_alarms=count("false_alarm"),
        change_failure_rate=len(failed) / decided if decided else None,
        time_to_restore_s=_middle_s([one.time_to_restore_s for one in failed if one.time_to_restore_s is not None]),
        exposed_requests=sum(one.exposed_requests or 0 for one in failed),
        exposed_s=_to_ms(math.fsum(one.exposed_s or 0 for one in failed)),
        superseded=count("superseded"),
        withdrawn=count("withdrawn"),
        unheard=count("unheard"),
        ways_back=count("way_back"),
        running=count("running"),
    )


def _middle_s(values: list[float]) -> float | None:
    return _to_ms(median(values)) if values else None


def _to_ms(seconds: float) -> float:
    return math.floor(seconds * 1000 + 0.5) / 1000


_FAILED: Final = "failed"
_C: Final = table(
    "audit_changes",
    *(column(name, Text) for name in ("service", "month", "result")),
    *(column(name, Float) for name in ("lead_time_s", "time_to_restore_s", "exposed_s")),
    column("exposed_requests", BigInteger),
    column("counted_at", Instant),
).c
