"""How the services of a run stand, as their facts say: what was decided last, and since when gateways follow it."""

from collections.abc import Sequence
from typing import Final

from controller.core.events import RouteApplied, RouteSet
from controller.core.stream import Fact

_FAR_MS: Final = 60_000


def climbs(facts: Sequence[Fact]) -> bool:
    """Say whether a service's last table has a candidate."""
    tables = _tables(facts)
    return bool(tables) and _has_candidate(tables[-1])


def followed_ms(facts: Sequence[Fact], before: int, routers: Sequence[str], *, climbing: bool) -> float:
    """Return since when every router follows the first table after so many facts that is as expected; 0: not yet."""
    table = next((one for one in _tables(facts[before:]) if _has_candidate(one) == climbing), None)
    if table is None:
        return 0
    applied: dict[str, float] = {}
    for fact in facts:
        if isinstance(fact.event, RouteApplied) and fact.event.epoch >= table.epoch:
            applied.setdefault(fact.event.router, applied_ms(fact.event, fact.at_ms))
    return max(applied[name] for name in routers) if all(name in applied for name in routers) else 0


def applied_ms(event: RouteApplied, at_ms: int) -> int:
    """
    Return when a table came into use: what its gateway said, unless its clock had jumped.

    at_ms: the broker's time of the report, which is later by what the report took.
    """
    return event.applied_at_ms if abs(at_ms - event.applied_at_ms) < _FAR_MS else at_ms


def _tables(facts: Sequence[Fact]) -> list[RouteSet]:
    return [fact.event for fact in facts if isinstance(fact.event, RouteSet)]


def _has_candidate(table: RouteSet) -> bool:
    return any(arm.role == "candidate" for arm in table.arms)
