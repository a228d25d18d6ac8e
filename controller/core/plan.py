"""A plan: how a release is walked from no traffic to all of it, and what brings it back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from controller.core.calendar import Hours
from controller.core.evidence.memory import MemoryRules
from controller.core.evidence.rules import Metric, Rules
from controller.core.gates import Gate, GateKind
from controller.core.names import FULL_BP
from controller.core.routing import Segment

_YEAR_S: Final = 366 * 86_400

PROMOTION: Final = "promotion"
"""The name under which the proof that a candidate is good enough is recorded; no gate may have it."""

MEASURED: Final = Rules(metrics=(Metric.ERRORS, Metric.LATENCY, Metric.TTFA, Metric.RTF))
"""What a gateway measures of every request; scores come only from those who have them."""

MEMORY: Final = MemoryRules()
"""No limit is known, and a fifth more than stable's footprint is too much."""


class AlertAction(StrEnum):
    """What an alert does to a rollout."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    NOTIFY = "notify"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alert whose label `label` has the value `value` does `action`."""

    label: str
    value: str
    action: AlertAction


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """Ordered rules from an alert's labels to an action; the first that matches wins."""

    rules: tuple[AlertRule, ...] = (
        AlertRule("action", "rollback", AlertAction.ROLLBACK),
        AlertRule("action", "hold", AlertAction.HOLD),
        AlertRule("action", "notify", AlertAction.NOTIFY),
        AlertRule("severity", "critical", AlertAction.ROLLBACK),
    )
    otherwise: AlertAction = AlertAction.NOTIFY

    def action_for(self, labels: Mapping[str, str]) -> AlertAction:
        """Say what an alert with these labels does."""
        for rule in self.rules:
            if labels.get(rule.label) == rule.value:
                return rule.action
        return self.otherwise


class Until(StrEnum):
    """What ends a step's hold."""

    TIME = "time"
    EVIDENCE = "evidence"
    """Not before every measure has proven that the candidate is good enough."""


class OnInconclusive(StrEnum):
    """What happens when a hold ends and a gate cannot say."""

    HOLD = "hold"
    ROLLBACK = "rollback"


class OnBlind(StrEnum):
    """What happens when nothing was measured for five minutes while users are served."""

    STEP_BACK = "step_back"
    HOLD = "hold"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Step:
    """
    Give the candidate `weight_bp` basis points of the traffic, then hold for at least `hold_s` seconds.

    until: what else must be so before the next step. ceiling_s: longest time in the step when it waits for evidence or
    a gate, after which the rollout ends; 0 takes the plan's progress_deadline_s, counted from the end of the hold.
    warm_up_s: what is measured so early in the step is recorded and not judged.
    mirror_bp: share of stable's requests that the candidate speaks as well, unheard, basis points.
    gates: names of those that must pass at the end. segments: shares of their own for some requests.
    """

    weight_bp: int
    hold_s: float
    until: Until = Until.TIME
    ceiling_s: float = 0
    warm_up_s: float = 0
    mirror_bp: int = 0
    gates: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.weight_bp <= FULL_BP:
            raise ValueError(f"weight_bp is {self.weight_bp}; allowed: 0 to {FULL_BP} basis points")
        if not 0 <= self.mirror_bp <= FULL_BP:
            raise ValueError(f"mirror_bp is {self.mirror_bp}; allowed: 0 to {FULL_BP} basis points")
        for name in ("hold_s", "ceiling_s", "warm_up_s"):
            if not 0 <= getattr(self, name) <= _YEAR_S:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: 0 to {_YEAR_S} seconds")
        if 0 < self.ceiling_s <= self.hold_s:
            raise ValueError(f"ceiling_s is {self.ceiling_s}; allowed: longer than hold_s, which is {self.hold_s}")
        named = [segment.name for segment in self.segments]
        if len(set(named)) != len(named):
            raise ValueError(f"segments are named {named}; allowed: each name once")
        if self.until is Until.EVIDENCE and not self.serves and not self.mirror_bp:
            raise ValueError("until is evidence, but nobody speaks: give the step a weight, a segment or a mirror")

    @property
    def serves(self) -> bool:
        """Say whether any user is served by the candidate without asking for it."""
        return self.weight_bp > 0 or any(segment.weight_bp > 0 for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Ordered steps; when the last one ends the candidate is promoted to all traffic.

    readiness_deadline_s: time within which the candidate must be loaded, warm and heard, else the rollout ends.
    guard_s: after promotion the former stable stays loaded this long, so that going back is no model load.
    gates: what is asked, see `Gate`. rules, memory: by which the gates of kind evidence and memory judge.
    progress_deadline_s: how long the end of a hold may be waited beyond, 0 for ever. hours: when it may widen; none
    means always. rollback_window_s: how long ago a release must have been stable to take over without steps again.
    quarantine: whether a release that is taken back is barred from returning.
    The defaults are the field's careful walk: testers only, then 5 % watched for a day, then everybody.
    """

    name: str = "careful"
    steps: tuple[Step, ...] = (Step(0, 600), Step(500, 86_400))
    readiness_deadline_s: float = 600
    guard_s: float = 86_400
    alerts: AlertPolicy = AlertPolicy()
    gates: tuple[Gate, ...] = ()
    rules: Rules = MEASURED
    memory: MemoryRules = MEMORY
    progress_deadline_s: float = 86_400
    on_inconclusive: OnInconclusive = OnInconclusive.HOLD
    on_blind: OnBlind = OnBlind.STEP_BACK
    hours: tuple[Hours, ...] = ()
    rollback_window_s: float = 7 * 86_400
    quarantine: bool = True

    def __post_init__(self) -> None:
        weights = [step.weight_bp for step in self.steps]
        if weights != sorted(weights):
            raise ValueError(f"steps go {weights}; allowed: weights that never shrink from step to step")
        for number, (before, after) in enumerate(pairwise(self.steps), start=1):
            for name, had_bp, has_bp in _shares(before, after):
                if has_bp < had_bp:
                    raise ValueError(
                        f"steps.{number} takes segment {name} from {had_bp} back to {has_bp} basis points; "
                        "allowed: shares that never shrink from step to step"
                    )
        if not 0 < self.readiness_deadline_s <= 86_400:
            raise ValueError(f"readiness_deadline_s is {self.readiness_deadline_s}; allowed: above 0, up to 86400")
        for name in ("guard_s", "progress_deadline_s", "rollback_window_s"):
            if not 0 <= getattr(self, name) <= _YEAR_S:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: 0 to {_YEAR_S} seconds")
        names = [gate.name for gate in self.gates]
        if len(set(names)) != len(names) or PROMOTION in names:
            raise ValueError(f"gates are called {names}; allowed: each name once, and not {PROMOTION!r}")
        for number, step in enumerate(self.steps):
            if unknown := [name for name in step.gates if name not in names]:
                raise ValueError(f"steps.{number}.gates names {unknown}; there is: {', '.join(names) or 'no gate'}")
        inline = self.inline
        if idle := [gate.name for gate in self.gates if gate.kind is GateKind.APPROVAL and gate.name not in inline]:
            raise ValueError(f"gate {idle[0]} waits for a person at no step; name it in a step's gates")

    @property
    def inline(self) -> frozenset[str]:
        """Names of the gates that are asked at the end of steps only."""
        return frozenset(name for step in self.steps for name in step.gates)

    def gates_at(self, number: int) -> tuple[Gate, ...]:
        """Return the gates of step `number`: those of all along, and those it names; in their order."""
        named = self.steps[number].gates if 0 <= number < len(self.steps) else ()
        return tuple(gate for gate in self.gates if gate.name in named or gate.name not in self.inline)

    @property
    def compares(self) -> bool:
        """Say whether the arms are compared at all, be it on trial."""
        return self.by_evidence or any(gate.kind is GateKind.EVIDENCE for gate in self.gates)

    @property
    def by_evidence(self) -> bool:
        """Say whether measurements decide anything, so that being without them matters."""
        asked = any(gate.kind is GateKind.EVIDENCE and not gate.dry_run for gate in self.gates)
        return asked or any(step.until is Until.EVIDENCE for step in self.steps)


def _shares(before: Step, after: Step) -> Iterator[tuple[str, int, int]]:
    """Yield for each segment of two steps what its listeners had and have: the common weight where none is its own."""
    had, has = ({one.name: one.weight_bp for one in step.segments} for step in (before, after))
    for name in {**had, **has}:
        yield name, had.get(name, before.weight_bp), has.get(name, after.weight_bp)


WATCHED: Final = (Gate("evidence", GateKind.EVIDENCE), Gate("memory", GateKind.MEMORY))
"""What watches a rollout whose plan says nothing else."""

NAMED_PLANS: Final = {
    plan.name: plan
    for plan in (
        Plan(gates=WATCHED),
        Plan("quick", (Step(500, 300), Step(5000, 300)), guard_s=3600, gates=WATCHED),
        Plan("at-once", (), guard_s=3600),
    )
}
"""Plans that a request may call by name."""
