"""What people and CI jobs ask for: rollouts, and orders about a running one; always with a name and a reason."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from controller.core.commands import (
    OverrideQuarantine,
    PauseRollout,
    PromoteRollout,
    RequestRollout,
    ResumeRollout,
    RollBack,
)
from controller.core.names import FULL_BP, Release
from controller.core.plan import NAMED_PLANS, AlertAction, AlertPolicy, AlertRule, Plan, Step
from controller.wire.fields import Actor, BuildTime, Digest, Ensemble, Message, Name, Reason, Seconds, Text


def _plan_name(name: str) -> str:
    if name not in NAMED_PLANS:
        raise ValueError(f"{', '.join(NAMED_PLANS)}, or a plan as an object")
    return name


def _plan_tag(plan: object) -> str:
    return "name" if isinstance(plan, str) else "object"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class ReleaseBody(_Strict):
    """A release, as its build describes it; see `/version`."""

    model: Name
    version: Name
    ensemble: Ensemble
    digest: Digest
    sample_rate_hz: Annotated[int, Field(ge=8_000, le=192_000)]
    token_rate_hz: Annotated[float, Field(gt=0, le=100_000)]
    build_time: BuildTime

    def value(self) -> Release:
        """Return the core's release."""
        return Release(**self.model_dump())


class StepBody(_Strict):
    """Give the candidate this share of the traffic in basis points, then hold this long."""

    weight_bp: Annotated[int, Field(ge=0, le=FULL_BP)]
    hold_s: Seconds


class AlertRuleBody(_Strict):
    """An alert whose label has this value does this."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    value: Text
    action: Literal["rollback", "hold", "notify"]


class AlertPolicyBody(_Strict):
    """Ordered rules; the first that matches wins."""

    rules: Annotated[list[AlertRuleBody], Field(max_length=100)]
    otherwise: Literal["rollback", "hold", "notify"] = "notify"

    def value(self) -> AlertPolicy:
        """Return the core's policy."""
        rules = tuple(AlertRule(rule.label, rule.value, AlertAction(rule.action)) for rule in self.rules)
        return AlertPolicy(rules, AlertAction(self.otherwise))


class PlanBody(_Strict):
    """How the candidate is walked to all traffic; weights must not shrink from step to step."""

    name: Name = "custom"
    steps: Annotated[list[StepBody], Field(max_length=100)]
    readiness_deadline_s: Annotated[float, Field(gt=0, le=86_400)] = Plan().readiness_deadline_s
    guard_s: Seconds = Plan().guard_s
    alerts: AlertPolicyBody | None = None

    def value(self) -> Plan:
        """Return the core's plan; ValueError when its steps contradict one another."""
        steps = tuple(Step(step.weight_bp, step.hold_s) for step in self.steps)
        alerts = self.alerts.value() if self.alerts else AlertPolicy()
        return Plan(self.name, steps, self.readiness_deadline_s, self.guard_s, alerts)


class Asked(Message):
    """What a person or a CI job writes: always with a name and a reason."""

    model_config = ConfigDict(extra="forbid")

    actor: Actor
    reason: Reason


class RolloutRequested(Asked):
    """Please roll this release out. plan: a name, a plan of its own, or none for the careful one."""

    release: ReleaseBody
    plan: Annotated[
        Annotated[str, AfterValidator(_plan_name), Field(json_schema_extra={"enum": list(NAMED_PLANS)}), Tag("name")]
        | Annotated[PlanBody, Tag("object")],
        Discriminator(_plan_tag),
    ] = Plan().name

    def command(self) -> RequestRollout:
        """Return the request with its plan in full, so that a later change of a named plan rewrites no history."""
        plan = NAMED_PLANS[self.plan] if isinstance(self.plan, str) else self.plan.value()
        return RequestRollout(
            service=self.service, actor=self.actor, reason=self.reason, release=self.release.value(), plan=plan
        )


class Order(Asked):
    """An order about the running rollout; `rollout` (optional) makes sure that it is the one that is meant."""

    rollout: Annotated[str, StringConstraints(max_length=200)] = ""

    def said(self) -> dict[str, str]:
        """Return the fields that all orders share."""
        return {"service": self.service, "actor": self.actor, "reason": self.reason, "rollout": self.rollout}


class PauseOrdered(Order):
    """Let the walk stand still; rollback stays armed."""

    def command(self) -> PauseRollout:
        """Return the order."""
        return PauseRollout(**self.said())


class ResumeOrdered(Order):
    """Let the walk go on."""

    def command(self) -> ResumeRollout:
        """Return the order."""
        return ResumeRollout(**self.said())


class PromoteOrdered(Order):
    """Give the candidate all traffic now."""

    def command(self) -> PromoteRollout:
        """Return the order."""
        return PromoteRollout(**self.said())


class RollbackOrdered(Order):
    """Take the candidate's traffic back or, inside the guard window, that of the release just promoted."""

    def command(self) -> RollBack:
        """Return the order."""
        return RollBack(**self.said())


class OverrideOrdered(Order):
    """Let the quarantined release with this digest return."""

    digest: Digest

    def command(self) -> OverrideQuarantine:
        """Return the order."""
        return OverrideQuarantine(**self.said(), digest=self.digest)
