"""
The few fields of a state that say what a service must have loaded, and which facts leave them as they are.

For who looks at all services again and again: a state is mostly plans and evidence, and most facts are windows.
"""

from dataclasses import dataclass
from typing import Final

from controller.core.events import (
    AlertMatched,
    AlertNoted,
    AnyEvent,
    EndpointEjected,
    EndpointReadmitted,
    GateApproved,
    GateJudged,
    HoldExtended,
    ReleaseDrained,
    RolloutWaiting,
    RouteApplied,
    RouterEnded,
    RouteSet,
    SceneKept,
    StepStarted,
    WindowMeasured,
)
from controller.core.names import Release

STEADY: Final[tuple[type[AnyEvent], ...]] = (
    AlertMatched,
    AlertNoted,
    EndpointEjected,
    EndpointReadmitted,
    GateApproved,
    GateJudged,
    HoldExtended,
    ReleaseDrained,
    RolloutWaiting,
    RouteApplied,
    RouteSet,
    RouterEnded,
    SceneKept,
    StepStarted,
    WindowMeasured,
)
"""The common kinds of facts that change nothing of what is needed; there are others."""


@dataclass(frozen=True, slots=True)
class Coming:
    """A running rollout; fields as `Rollout` has them."""

    id: str
    release: Release
    ready: bool = False
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guarding:
    """A guard; fields as `Guard` has them."""

    rollout: str
    previous: Release
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """Of a service's state what says which releases it needs; fields as `State` has them."""

    service: str
    stable: Release | None = None
    guard: Guarding | None = None
    rollout: Coming | None = None
    stable_endpoints: tuple[str, ...] = ()
