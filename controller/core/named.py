"""Plans by name: those that a service has set for itself, and those that are built in."""

from dataclasses import dataclass

from controller.core.plan import NAMED_PLANS, Plan


@dataclass(frozen=True, slots=True)
class NamedPlan:
    """
    A plan that a service calls by name.

    version: counts up from 1 with every change. actor, reason, at_ms: who set this version, why, and when.
    """

    name: str
    version: int
    plan: Plan
    actor: str
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """The plan that a request means. version: of the service's own; 0 for one that is built in or came in full."""

    plan: Plan
    version: int = 0


def find_plan(plans: tuple[NamedPlan, ...], asked: Plan | str) -> Found | None:
    """Return the plan that a request asks for; a name means the service's own before the built-in one, or nothing."""
    if isinstance(asked, Plan):
        return Found(asked)
    own = next((one for one in plans if one.name == asked), None)
    if own is not None:
        return Found(own.plan, own.version)
    return Found(NAMED_PLANS[asked]) if asked in NAMED_PLANS else None


def names(plans: tuple[NamedPlan, ...]) -> tuple[str, ...]:
    """Return every name that a request of this service may use."""
    return tuple(dict.fromkeys((*(one.name for one in plans), *NAMED_PLANS)))
