"""
Given some facts, when a command arrives, then these facts follow: the words in which the core's tests are written.

`then` compares facts exactly, in order, except for who said it and why; those have claims of their own.
"""

from dataclasses import dataclass, replace
from typing import TypedDict

from controller.core.commands import (
    AnyCommand,
    ElapseTimer,
    ReportAlert,
    ReportReleaseReady,
    RequestRollout,
    TimerKind,
)
from controller.core.decide import decide
from controller.core.events import AnyEvent, RolloutPromoted, RolloutStarted, RouteSet
from controller.core.names import FULL_BP, Release
from controller.core.plan import Plan, Step
from controller.core.routing import Arm, Role
from controller.core.state import State, evolve, timers


class Words(TypedDict):
    """What every fact and command carries."""

    actor: str
    reason: str


SERVICE = "hibari"
NOW_MS = 1_000_000
SAID: Words = {"actor": "ci", "reason": "a test says so"}
PLAN = Plan("test", (Step(500, 10), Step(5000, 20)), readiness_deadline_s=60, guard_s=300)


def release(version: str) -> Release:
    """Make up a release whose every name follows from its version."""
    return Release("hibari", version, f"hibari__{version}", f"sha256:{version}", 44_100, 80.0, "2026-01-01T00:00:00Z")


def stable(release: Release, weight_bp: int = FULL_BP) -> Arm:
    """An arm as routers see the stable release."""
    return Arm(Role.STABLE, release, weight_bp)


def candidate(release: Release, weight_bp: int) -> Arm:
    """An arm as routers see the candidate."""
    return Arm(Role.CANDIDATE, release, weight_bp)


def previous(release: Release) -> Arm:
    """An arm as routers see the former stable in the guard window."""
    return Arm(Role.PREVIOUS, release, 0)


def route(epoch: int, *arms: Arm, salt: str = "hibari-1") -> RouteSet:
    """Traffic was shared like this."""
    return RouteSet(**SAID, epoch=epoch, salt=salt, arms=arms)


def installed(version: str = "1.4.0", at_ms: int = 0) -> tuple[AnyEvent, ...]:
    """The facts after which a service serves its first release."""
    first = release(version)
    return (
        RolloutStarted(
            **SAID, rollout="hibari-1", release=first, from_release=None, plan=PLAN, ready_by_ms=at_ms + 60_000
        ),
        RolloutPromoted(**SAID, rollout="hibari-1", release=first, previous=None, guard_until_ms=at_ms + 300_000),
        route(1, stable(first)),
    )


def request(version: str, plan: Plan | str = PLAN, *endpoints: str) -> RequestRollout:
    """Somebody asks for a rollout of this version, on endpoints of its own when they are named."""
    return RequestRollout(service=SERVICE, **SAID, release=release(version), plan=plan, endpoints=endpoints)


def alert(release: str = "", *, firing: bool = True, **labels: str) -> ReportAlert:
    """Alertmanager reports an alert; critical unless the labels say otherwise."""
    return ReportAlert(
        service=SERVICE,
        actor="alertmanager",
        reason="error ratio is 20 %",
        fingerprint="f00d",
        alertname="CandidateErrors",
        firing=firing,
        release=release,
        labels=labels or {"severity": "critical"},
    )


def ready(version: str, rollout: str = "") -> ReportReleaseReady:
    """The release worker loaded a release and heard it, for this rollout if it says so."""
    return ReportReleaseReady(
        service=SERVICE,
        actor="releases",
        reason="loaded",
        ensemble=f"hibari__{version}",
        rollout=rollout,
        load_s=3.5,
        probe_latency_s=0.2,
        probe_audio_s=1.5,
    )


def elapsed(given: "Given", kind: TimerKind) -> ElapseTimer:
    """The service's timer of this kind comes due."""
    (epoch,) = (timer.epoch for timer in timers(given.state) if timer.kind is kind)
    return ElapseTimer(service=SERVICE, actor="timers", reason="due", kind=kind, epoch=epoch)


@dataclass(frozen=True)
class When:
    """What followed."""

    before: State
    events: tuple[AnyEvent, ...]
    now_ms: int

    @property
    def state(self) -> State:
        """The state after the facts that followed."""
        state = self.before
        for event in self.events:
            state = evolve(state, event, self.now_ms)
        return state

    def then(self, *expected: AnyEvent) -> "When":
        """Claim that exactly these facts followed, in this order."""
        assert [_bare(event) for event in self.events] == [_bare(event) for event in expected]
        return self

    def then_nothing(self) -> None:
        """Claim that the command was met with silence."""
        assert self.events == ()


@dataclass(frozen=True)
class Given:
    """A service with a past."""

    state: State

    def when(self, command: AnyCommand, now_ms: int = NOW_MS) -> When:
        """Let a command arrive."""
        return When(self.state, decide(self.state, command, now_ms), now_ms)


def given(*events: AnyEvent | tuple[AnyEvent, ...]) -> Given:
    """Fold a past, told fact by fact, or in groups of facts."""
    state = State(SERVICE)
    for group in events:
        for event in group if isinstance(group, tuple) else (group,):
            state = evolve(state, event)
    return Given(state)


def after(*commands: AnyCommand, now_ms: int = NOW_MS, past: tuple[AnyEvent, ...] = ()) -> Given:
    """Live through commands, a second apart, and go on from there."""
    state = given(past).state
    for number, command in enumerate(commands):
        for event in decide(state, command, now_ms + 1000 * number):
            state = evolve(state, event, now_ms + 1000 * number)
    return Given(state)


def _bare(event: AnyEvent) -> AnyEvent:
    return replace(event, actor="", reason="", rollout="")
