"""
The language of plans: YAML or JSON, one model, to the core's `Plan`.

What is left out is safe: evidence and memory watch, silence holds, and a release that was taken back stays away.
`docs/plans.md` teaches it; `deploy/schemas/plan.json` is made from it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from controller.core.calendar import Hours
from controller.core.gates import Gate, GateKind
from controller.core.names import FULL_BP
from controller.core.plan import WATCHED, OnBlind, OnInconclusive, Plan, Step, Until
from controller.core.routing import Segment
from controller.wire.amounts import BasisPoints, Clock, Percent, Span
from controller.wire.bodies import Body
from controller.wire.fields import Name, Seconds
from controller.wire.judges import AlertPolicyBody, EvidenceBody, GateBody, MemoryBody
from controller.wire.shape import plain
from controller.wire.steps import StepBody
from controller.wire.strict import canonical

PLAN_LIMIT_BYTES: Final = 64 * 1024
"""A plan stands in full in facts and in its service's state, and a fact must fit into a Kafka message."""

LADDER: Final = tuple(Step(weight_bp, 60, Until.EVIDENCE) for weight_bp in (500, 1000, 2500, 5000))
"""What `pace: evidence` stands for: as fast as proof comes in, a minute a rung at least; `segue bench` walks it."""


class BakeBody(Body):
    """Before the end, give the candidate all but a holdback of stable, so that there is something to compare with."""

    holdback_bp: BasisPoints | None = None
    holdback: Percent | None = None
    hold_s: Seconds | None = None
    hold: Span | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.value()
        return self

    def value(self) -> Step:
        """Return the core's step."""
        held = self.given("holdback_bp").get("holdback_bp", 500)
        if held == 0:
            raise ValueError("holdback is 0 %; without stable there is nothing to compare with, which promotion gives")
        hold = self.given("hold_s")
        if not hold:
            raise ValueError("it has no hold; give hold or hold_s")
        return Step(FULL_BP - held, **hold)


class HoursBody(Body):
    """Hours of these days in which a rollout may widen."""

    days: Annotated[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1, max_length=7)]
    begin: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]
    zone: Annotated[str, Field(max_length=100)] = "UTC"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.value()
        return self

    def value(self) -> Hours:
        """Return the core's hours."""
        return Hours(tuple(self.days), self.begin, self.end, self.zone)


class PlanBody(Body):
    """
    How the candidate is walked to all traffic; weights must not shrink from step to step.

    steps, then the ladder of pace, then the step of bake; in what is added so, segments keep what they had. gates: in
    place of evidence and memory, which watch when it is left out; watch: true has them besides. at_most_rollouts: how
    many may serve users at once, in all services.
    """

    name: Name = "custom"
    steps: Annotated[list[StepBody], Field(max_length=100)] | None = None
    pace: Literal["evidence"] | None = None
    bake: BakeBody | None = None
    gates: Annotated[list[GateBody], Field(max_length=50)] | None = None
    watch: bool = False
    evidence: EvidenceBody | None = None
    memory: MemoryBody | None = None
    at_most_rollouts: Annotated[int, Field(ge=1, le=10_000)] | None = None
    readiness_deadline_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    readiness_deadline: Span | None = None
    progress_deadline_s: Seconds | None = None
    progress_deadline: Span | None = None
    guard_s: Seconds | None = None
    guard: Span | None = None
    rollback_window_s: Seconds | None = None
    rollback_window: Span | None = None
    alerts: AlertPolicyBody | None = None
    on_inconclusive: Literal["hold", "rollback"] = "hold"
    on_blind: Literal["step_back", "hold", "rollback"] = "step_back"
    hours: Annotated[list[HoursBody], Field(max_length=50)] = Field(default_factory=list)
    quarantine: bool = True

    def value(self) -> Plan:
        """Return the core's plan; ValueError when its parts contradict one another."""
        if self.steps is None and self.pace is None and self.bake is None:
            raise ValueError("it has no way to walk; give steps, pace or bake ([] as steps promotes at once)")
        steps = tuple(step.value() for step in self.steps or ())
        kept = steps[-1].segments if steps else ()
        added = (*(LADDER if self.pace else ()), *((self.bake.value(),) if self.bake else ()))
        steps += tuple(_letting_keep(kept, step) for step in added)
        gates, steps = self._limited(self._gates(), steps)
        times = ("readiness_deadline_s", "progress_deadline_s", "guard_s", "rollback_window_s")
        given: dict[str, Any] = dict(self.given(*times))
        given |= {
            name: body.value()
            for name, body in (("rules", self.evidence), ("memory", self.memory), ("alerts", self.alerts))
            if body is not None
        }
        plan = Plan(
            name=self.name,
            steps=steps,
            gates=gates,
            on_inconclusive=OnInconclusive(self.on_inconclusive),
            on_blind=OnBlind(self.on_blind),
            hours=tuple(one.value() for one in self.hours),
            quarantine=self.quarantine,
            **given,
        )
        if (size := len(canonical(plain(plan)).encode())) > PLAN_LIMIT_BYTES:
            raise ValueError(f"it takes {size} bytes in full; allowed: up to {PLAN_LIMIT_BYTES} bytes")
        return plan

    def _gates(self) -> tuple[Gate, ...]:
        listed = WATCHED if self.gates is None else tuple(gate.value() for gate in self.gates)
        kinds = {gate.kind for gate in listed}
        watching = tuple(gate for gate in WATCHED if self.watch and gate.kind not in kinds)
        own = dict.fromkeys(gate for step in self.steps or () for gate in step.own_gates)
        return (*watching, *listed, *own)

    def _limited(self, gates: tuple[Gate, ...], steps: tuple[Step, ...]) -> tuple[tuple[Gate, ...], tuple[Step, ...]]:
        """Let the step before the first that serves users wait for its turn; a step of no traffic, if there is none."""
        if self.at_most_rollouts is None or not any(step.serves for step in steps):
            return gates, steps
        fleet = Gate("fleet", GateKind.FLEET, above=self.at_most_rollouts - 1)
        first = next(number for number, step in enumerate(steps) if step.serves)
        if first == 0:
            return (*gates, fleet), (Step(0, 0, gates=(fleet.name,)), *steps)
        before = replace(steps[first - 1], gates=(*steps[first - 1].gates, fleet.name))
        return (*gates, fleet), (*steps[: first - 1], before, *steps[first:])


def _letting_keep(kept: Sequence[Segment], step: Step) -> Step:
    """Let those who have more than the step would give them keep it: a ladder's rungs cannot name anybody."""
    return replace(step, segments=tuple(segment for segment in kept if segment.weight_bp > step.weight_bp))
