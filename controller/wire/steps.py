"""The steps of a plan as people write them: shares and holds, whom to serve otherwise, and what to ask at the end."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from controller.core.gates import Gate, GateKind
from controller.core.names import ROLE_PATTERN
from controller.core.plan import Step, Until
from controller.core.routing import Segment
from controller.wire.amounts import BasisPoints, Percent, Span
from controller.wire.bodies import Body
from controller.wire.fields import Name, Seconds, Text

_SHARES: Final = ("weight", "weight_bp", "internal")


def _role(approve: object) -> str | None:
    if isinstance(approve, bool):
        return "" if approve else None
    if isinstance(approve, str) and re.fullmatch(ROLE_PATTERN, approve):
        return approve
    raise ValueError("true, or a role such as voice-lead")


Approver = Annotated[
    str | None,
    BeforeValidator(_role),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": ROLE_PATTERN}]}),
]
"""Who lets a step go on: somebody ("" as read), somebody of a role, or nobody has to (None)."""


class SegmentBody(Body):
    """
    Requests whose facts match every pair in `where` give the candidate this share instead of the step's.

    where: fact to value; a fact is region, tier, language, or header:NAME in lower case. A share of 0 excludes them.
    """

    name: Annotated[str, Field(min_length=1, max_length=64)]
    where: Annotated[dict[str, Text], Field(min_length=1, max_length=20)]
    weight_bp: BasisPoints | None = None
    weight: Percent | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.value()
        return self

    def value(self) -> Segment:
        """Return the core's segment."""
        given = self.given("weight_bp")
        if not given:
            raise ValueError(f"segment {self.name} has no share; give weight or weight_bp, 0 to exclude it")
        # Sorted, for one meaning has one spelling in the journal.
        return Segment(self.name, tuple(sorted(self.where.items())), **given)


class StepBody(Body):
    """
    Give the candidate this share of the traffic, then hold at least this long.

    internal: a hold in which only those who force it hear the candidate, in place of weight and hold.
    until: evidence waits for proof as well, at most up to ceiling. warm_up: measured, and not judged, so early.
    mirror: share of stable's requests that the candidate speaks as well, unheard. gates: names of those to pass at the
    end. probe: how many golden prompts to pass at the end. approve: true, or the role of the person who lets it go on.
    """

    weight_bp: BasisPoints | None = None
    weight: Percent | None = None
    hold_s: Seconds | None = None
    hold: Span | None = None
    internal: Span | None = None
    until: Literal["time", "evidence"] = "time"
    ceiling_s: Seconds | None = None
    ceiling: Span | None = None
    warm_up_s: Seconds | None = None
    warm_up: Span | None = None
    mirror_bp: BasisPoints | None = None
    mirror: Percent | None = None
    gates: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    probe: Annotated[int, Field(ge=1, le=100)] | None = None
    approve: Approver = None
    segments: Annotated[list[SegmentBody], Field(max_length=100)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        said = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if sum(name in said for name in _SHARES) != 1:
            raise ValueError("a step has one share; give weight, weight_bp or internal")
        if ("internal" in said) == bool(said & {"hold", "hold_s"}):
            raise ValueError("a step has one hold; give hold or hold_s, and neither with internal")
        self.value()
        return self

    @property
    def own_gates(self) -> tuple[Gate, ...]:
        """The gates that `probe` and `approve` stand for."""
        probe = (Gate(f"probe-{self.probe}", GateKind.PROBE, prompts=self.probe),) if self.probe else ()
        if self.approve is None:
            return probe
        name = f"approval-{self.approve}" if self.approve else "approval"
        return (*probe, Gate(name, GateKind.APPROVAL, role=self.approve))

    def value(self) -> Step:
        """Return the core's step."""
        names = dict.fromkeys((*self.gates, *(gate.name for gate in self.own_gates)))
        given = dict(self.given("weight_bp", "hold_s", "ceiling_s", "warm_up_s", "mirror_bp"))
        if self.internal is not None:
            given |= {"weight_bp": 0, "hold_s": self.internal}
        segments = tuple(segment.value() for segment in self.segments)
        return Step(**given, until=Until(self.until), gates=tuple(names), segments=segments)
