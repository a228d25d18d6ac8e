"""What a service keeps of its past: the releases that were stable lately, and how its last rollout ended."""

from dataclasses import dataclass
from typing import Final

from controller.core.events import AnyEvent, RolloutAborted, RolloutPromoted, RolloutSuperseded, Trigger
from controller.core.names import Release
from controller.core.plan import Plan

KEPT_FORMERS: Final = 5
"""So many former stable releases can be gone back to by name; the state stays small."""

KEPT_TAKEN_BACK: Final = 100
"""So many rollouts that were taken back can still be marked; the state stays small."""


@dataclass(frozen=True, slots=True)
class Former:
    """A release that was stable until `until_ms`, the plan that had made it so, and the endpoints that it lived on."""

    release: Release
    plan: Plan
    until_ms: int
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a rollout ended, such as "was promoted"; by whom, and when."""

    rollout: str
    how: str
    actor: str
    at_ms: int


def ended(event: AnyEvent, at_ms: int) -> Ended:
    """Return how the rollout that this fact ended came to its end."""
    match event:
        case RolloutPromoted():
            how = "was promoted"
        case RolloutSuperseded():
            how = f"made way for {event.by.version}"
        case RolloutAborted(trigger=Trigger.ORDER):
            how = "was rolled back"
        case RolloutAborted(trigger=Trigger.RETIRED):
            how = "ended with the service"
        case _:
            how = "was taken back"
    return Ended(event.rollout, how, event.actor, at_ms)


def taken_back(before: tuple[str, ...], rollout: str) -> tuple[str, ...]:
    """Return the rollouts that were taken back from users, oldest first, with one more."""
    return (*before, rollout)[-KEPT_TAKEN_BACK:]


def former(formers: tuple[Former, ...], release: Release) -> Former | None:
    """Return this release among the former ones; None when it is not kept."""
    return next((one for one in formers if one.release.digest == release.digest), None)


def succeeded(formers: tuple[Former, ...], old: Former | None, new: Release) -> tuple[Former, ...]:
    """Return the former releases, newest first, after `new` became stable in place of `old`."""
    left = [one for one in formers if one.release.digest != new.digest]
    if old is not None:
        left = [old, *(one for one in left if one.release.digest != old.release.digest)]
    return tuple(left[:KEPT_FORMERS])
