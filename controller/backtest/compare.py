"""One service's rollouts as they went beside how they would have gone, and whom the bad ones reached either way."""

from dataclasses import dataclass

from controller.backtest.again import Walk
from controller.backtest.courses import TAKEN_BACK, Course, courses
from controller.backtest.exposure import Exposure, exposure
from controller.backtest.policy import Policy
from controller.backtest.recorded import NEVER, Record, read_record
from controller.backtest.unknown import unknown
from controller.backtest.windows import Windows
from controller.core.events import GateApproved, GateRejected, RequestRefused
from controller.journal import Store
from controller.journal.measured import Stretch, messages


@dataclass(frozen=True, slots=True)
class Compared:
    """
    One rollout as it went and as it would have gone. unknown: why the record cannot say more, "" when it can.

    reached, would_reach: whom it reached, of a release that was taken back in either course; None of others, and where
    there is no other course.
    """

    service: str
    happened: Course
    would_have: Course | None
    unknown: str
    reached: Exposure | None = None
    would_reach: Exposure | None = None

    @property
    def sides(self) -> tuple[Exposure, Exposure] | None:
        """Whom a bad release reached, and whom it would have reached, where both can be told."""
        return (self.reached, self.would_reach) if self.reached and self.would_reach else None


async def backtest(store: Store, service: str, policy: Policy, since_ms: int = NEVER) -> tuple[Compared, ...]:
    """
    Decide one service's recorded messages again by another policy, and compare rollout by rollout.

    since_ms: rollouts that began before are left as they were; milliseconds since 1970.
    """
    # Here, for it brings numba, which whoever only compares or reads answers need not wait for.
    from controller.backtest.pages import Pages

    record = await read_record(store, service, since_ms)
    walk, until_ms = Walk(record.known, policy, record.before), record.before.at_ms
    pages = Pages(walk)
    async for page in messages(store, service, record.position):
        pages.take(page)
        until_ms = max(until_ms, *(one.latest_ms if isinstance(one, Stretch) else one.sent_ms for one in page))
    pages.settle()
    return _compared(record, walk, policy, since_ms, until_ms)


def _compared(record: Record, walk: Walk, policy: Policy, since_ms: int, until_ms: int) -> tuple[Compared, ...]:
    happened, would_have = courses(record.facts), courses(walk.facts)
    for fact in record.facts:
        if isinstance(fact.event, GateApproved | GateRejected):
            walk.windows.setdefault(fact.event.rollout, Windows()).answered.add(fact.event.gate)
    found = [
        _beside(record, course, would_have.get(request), policy, walk.windows.get(course.rollout, Windows()), until_ms)
        for request, course in happened.items()
        if course.began_ms >= since_ms
    ]
    reasons = {fact.cause: fact.event.reason for fact in record.facts if isinstance(fact.event, RequestRefused)}
    only = [course for request, course in would_have.items() if request not in happened]
    return *found, *(_alone(record.service, course, reasons.get(course.request, "")) for course in only)


def _alone(service: str, course: Course, reason: str) -> Compared:
    """Return a rollout that exists in the other course alone."""
    happened = Course(
        request=course.request,
        rollout="",
        version=course.version,
        outcome="never began",
        reason=reason or "its request began nothing",
        began_ms=course.began_ms,
        ended_ms=course.began_ms,
        most_bp=0,
    )
    return Compared(service, happened, course, "it never began: what it would have shown is not on record")


def _beside(
    record: Record, course: Course, other: Course | None, policy: Policy, windows: Windows, until_ms: int
) -> Compared:
    if course.request in record.unseen:
        return Compared(record.service, course, None, "since a restore, messages of then are known by name alone")
    plan = policy.instead_of(record.known.started[course.request].plan)
    why = unknown(course, other, plan, windows)
    if not {course.outcome, other.outcome if other else ""} & set(TAKEN_BACK):
        return Compared(record.service, course, other, why)
    reached = exposure(course, course, windows, until_ms)
    would_reach = exposure(other, course, windows, until_ms) if other else None
    return Compared(record.service, course, other, why, reached, would_reach)
