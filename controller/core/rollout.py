"""A running rollout: where it stands, what was measured of it, and how one window of measurements changes that."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from controller.core.commands import TimerKind
from controller.core.events import WindowMeasured
from controller.core.evidence.engine import Evidence, begin, fold
from controller.core.evidence.memory import Memory, fold_memory
from controller.core.evidence.rules import SCORES, Metric
from controller.core.evidence.sight import BLIND_AFTER_MS
from controller.core.gate import Outcome
from controller.core.gates import Gate
from controller.core.names import Release
from controller.core.plan import PROMOTION, OnBlind, Plan, Step
from controller.core.readings import MemorySource, Standing, note

NOTHING_READ: Final = Memory()


@dataclass(frozen=True, slots=True)
class Timer:
    """Something due: `epoch` tells this setting of the timer from earlier ones."""

    kind: TimerKind
    epoch: int
    due_ms: int


class Phase(StrEnum):
    """Where a running rollout stands."""

    PREPARING = "preparing"
    HOLDING = "holding"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a gate answered last, as the journal has it."""

    gate: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Approval:
    """A person let a gate pass in a step."""

    gate: str
    step: int
    actor: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """
    A running rollout.

    step: 0-based index into the plan, -1 before the first. weight_bp: what the candidate has now.
    timer: the readiness deadline while preparing, then the end of the hold or the deadline behind it; None while a hold
    is paused. paused: None, or the milliseconds of the hold that remain (0 while still preparing).
    step_began_ms: when the step began. waiting: what the end of the hold found missing, "" while it still runs.
    seen_ms: end of the last window that was measured, -1 before any. blind: why nothing is measured now, "" otherwise.
    approvals: of the current step. back: somebody ordered to go back to this release.
    endpoints: where the release lives, as `Arm` has them. heard: some step of it gave it users.
    """

    id: str
    release: Release
    from_release: Release | None
    plan: Plan
    phase: Phase
    timer: Timer | None
    step: int = -1
    weight_bp: int = 0
    paused: int | None = None
    ready: bool = False
    step_began_ms: int = 0
    waiting: str = ""
    seen_ms: int = -1
    blind: str = ""
    evidence: Evidence | None = None
    memory: Memory = NOTHING_READ
    memory_source: MemorySource | None = None
    standings: tuple[Standing, ...] = ()
    judged: tuple[Judged, ...] = ()
    approvals: tuple[Approval, ...] = ()
    back: bool = False
    endpoints: tuple[str, ...] = ()
    heard: bool = False

    @property
    def at(self) -> Step | None:
        """The step of the plan that it stands in; None before the first."""
        return self.plan.steps[self.step] if self.step >= 0 else None

    @property
    def warm_ms(self) -> int:
        """From when on windows of this step are judged, milliseconds since 1970; 0 before the first."""
        return self.step_began_ms + round(self.at.warm_up_s * 1000) if self.at else 0

    @property
    def closed(self) -> bool:
        """Say whether it waits for nothing but the hour from which it may widen."""
        return bool(self.waiting) and self.timer is not None and self.timer.kind is TimerKind.HOLD

    @property
    def serves(self) -> bool:
        """Say whether users are served by the candidate without asking for it."""
        return self.at is not None and self.at.serves

    @property
    def expected(self) -> tuple[Metric, ...]:
        """The measures that can have data in this step: of requests only where the candidate speaks any."""
        speaks = self.at is not None and (self.at.serves or self.at.mirror_bp > 0)
        return tuple(metric for metric in self.plan.rules.metrics if speaks or metric in SCORES)

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates that speak now: those of all along, and at the end of the hold those that the step names."""
        named = () if self.waiting else self.plan.inline
        return tuple(gate for gate in self.plan.gates_at(self.step) if gate.name not in named)

    def outcome(self, gate: str) -> Outcome:
        """Return what the journal says a gate answered last; INCONCLUSIVE before it was judged."""
        return next((one.outcome for one in self.judged if one.gate == gate), Outcome.INCONCLUSIVE)

    def standing(self, gate: Gate) -> Standing | None:
        """Return a gate's latest reading; one that steps name must have been read in this step."""
        found = next((one for one in self.standings if one.reading.gate == gate.name), None)
        if found is not None and gate.name in self.plan.inline and found.at_ms <= self.step_began_ms:
            return None
        return found

    @property
    def blind_timer(self) -> Timer | None:
        """What comes due when nothing is measured for too long while users are served; each window sets it anew."""
        matters = self.plan.by_evidence and self.plan.on_blind is not OnBlind.HOLD
        if not matters or not self.serves or self.paused is not None:
            return None
        since_ms = max(self.seen_ms, self.step_began_ms)
        return Timer(TimerKind.BLIND, since_ms, since_ms + BLIND_AFTER_MS)


def is_news(rollout: Rollout, start_ms: int, end_ms: int, blind: str) -> bool:
    """Say whether a window changes anything: each counts once and in order; being blind is noted when it begins."""
    if rollout.phase is Phase.PREPARING:
        return False
    if blind:
        return blind != rollout.blind and end_ms > rollout.seen_ms
    return rollout.seen_ms <= start_ms < end_ms


def measured(rollout: Rollout, event: WindowMeasured) -> Rollout:
    """Fold one window into what is known of the candidate. What falls into a step's warm-up is not judged."""
    if event.blind:
        return replace(rollout, blind=event.blind)
    window = event.window
    standings = rollout.standings
    for reading in event.readings:
        standings = note(standings, rollout.plan.gates, reading, window.end_ms)
    evidence = rollout.evidence
    if rollout.plan.compares and window.start_ms >= rollout.warm_ms:
        evidence = fold(evidence or begin(rollout.plan.rules), window, rollout.plan.rules)
    memory, source = rollout.memory, rollout.memory_source
    if event.memory is not None:
        # Footprints of two kinds are no series.
        memory = memory if event.memory.source is source else NOTHING_READ
        source = event.memory.source
        used, stable = event.memory.candidate_bytes, event.memory.stable_bytes
        memory = fold_memory(memory, window.end_ms, used, stable, rollout.plan.memory)
    return replace(
        rollout,
        seen_ms=window.end_ms,
        blind="",
        evidence=evidence,
        memory=memory,
        memory_source=source,
        standings=standings,
    )


def judged(rollout: Rollout, gate: str, outcome: Outcome) -> Rollout:
    """Note what a gate answered."""
    others = tuple(one for one in rollout.judged if one.gate != gate)
    return replace(rollout, judged=(*others, Judged(gate, outcome)))


def asked_anew(rollout: Rollout) -> tuple[Judged, ...]:
    """Return what gates answered without those that every step asks for itself."""
    anew = (*rollout.plan.inline, PROMOTION)
    return tuple(one for one in rollout.judged if one.gate not in anew)
