"""
The public contract: what may be said on each inbound topic, and the command that each message means.

These models are the source of the JSON Schemas in `deploy/schemas`. What people and CI write (requests, orders)
refuses fields it does not know: a misspelt `plan` must not roll out with another one. What machines report (alerts,
signals) ignores them: in an upgrade a newer reporter must not be deaf to an older reader.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
)

from controller.core.commands import (
    AnyCommand,
    ElapseTimer,
    OverrideQuarantine,
    PauseRollout,
    PromoteRollout,
    ReportAlert,
    ReportReleaseFailed,
    ReportReleaseReady,
    ReportReleaseUnloaded,
    ReportRouteApplied,
    RequestRollout,
    ResumeRollout,
    RollBack,
    TimerKind,
)
from controller.core.errors import Malformed
from controller.core.names import FULL_BP, SERVICE_PATTERN, Release
from controller.core.plan import NAMED_PLANS, AlertAction, AlertPolicy, AlertRule, Plan, Step
from controller.wire.strict import MISSING, refused
from controller.wire.topics import Topic

_YEAR_S: Final = 366 * 86_400
_LAST_MS: Final = 253_402_300_799_999  # the end of the year 9999
_LARGEST: Final = 2**53 - 1  # the largest whole number that every JSON reader holds exactly


def _utc(text: str) -> str:
    try:
        offset = datetime.fromisoformat(text).utcoffset()
    except ValueError:
        offset = None
    if offset != timedelta(0):
        raise ValueError("a time in ISO 8601, UTC, such as 2026-03-03T09:30:00Z")
    return text


def _plan_name(name: str) -> str:
    if name not in NAMED_PLANS:
        raise ValueError(f"{', '.join(NAMED_PLANS)}, or a plan as an object")
    return name


def _plan_tag(plan: object) -> str:
    return "name" if isinstance(plan, str) else "object"


Service = Annotated[str, StringConstraints(pattern=SERVICE_PATTERN)]
Actor = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$")]
Ensemble = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=1000)]
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
TimeMs = Annotated[int, Field(ge=0, le=_LAST_MS)]
Seconds = Annotated[float, Field(ge=0, le=_YEAR_S)]


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
    build_time: Annotated[str, AfterValidator(_utc), Field(json_schema_extra={"format": "date-time"})]

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


class Message(BaseModel):
    """The data of any inbound message; `command` says what it asks of the service."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

    service: Service

    def command(self) -> AnyCommand:
        """Return the command; ValueError when its parts contradict one another."""
        raise NotImplementedError


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


class Reported(Message):
    """What a machine reports. actor: who reports; by default the event's source."""

    actor: Actor = ""


class AlertReceived(Reported):
    """One alert of one Alertmanager notification. received_at_ms: when the webhook came in."""

    fingerprint: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    alertname: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: Annotated[str, StringConstraints(max_length=64)]
    received_at_ms: TimeMs
    release: Text = ""

    def command(self) -> ReportAlert:
        """Return the report; its reason is the alert's own summary, if it has one."""
        summary = self.annotations.get("summary") or self.annotations.get("description")
        return ReportAlert(
            service=self.service,
            actor=self.actor,
            reason=(summary or f"alert {self.alertname} is {self.status}")[:2000],
            fingerprint=self.fingerprint,
            alertname=self.alertname,
            firing=self.status == "firing",
            release=self.release,
            labels=self.labels,
        )


class ReleaseIsReady(Reported):
    """A release is loaded and warm, and a synthetic utterance came out of it."""

    ensemble: Ensemble
    load_s: Seconds
    probe_latency_s: Seconds
    probe_audio_s: Seconds

    def command(self) -> ReportReleaseReady:
        """Return the report."""
        return ReportReleaseReady(
            service=self.service,
            actor=self.actor,
            reason=f"{self.ensemble} is loaded, warm, and spoke {self.probe_audio_s:.2f} s of audio",
            ensemble=self.ensemble,
            load_s=self.load_s,
            probe_latency_s=self.probe_latency_s,
            probe_audio_s=self.probe_audio_s,
        )


class ReleaseHasFailed(Reported):
    """A release could not be loaded (`unknown`: there is none of that name), or it fell silent."""

    ensemble: Ensemble
    unknown: bool
    reason: Reason

    def command(self) -> ReportReleaseFailed:
        """Return the report."""
        return ReportReleaseFailed(
            service=self.service,
            actor=self.actor,
            reason=self.reason,
            ensemble=self.ensemble,
            unknown=self.unknown,
        )


class ReleaseIsUnloaded(Reported):
    """A release was drained and unloaded."""

    ensemble: Ensemble
    reason: Reason

    def command(self) -> ReportReleaseUnloaded:
        """Return the report."""
        return ReportReleaseUnloaded(service=self.service, actor=self.actor, reason=self.reason, ensemble=self.ensemble)


class RouteIsApplied(Reported):
    """A router serves this epoch of the routing table since `applied_at_ms`."""

    router: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    epoch: Count
    applied_at_ms: TimeMs

    def command(self) -> ReportRouteApplied:
        """Return the report."""
        return ReportRouteApplied(
            service=self.service,
            actor=self.actor,
            reason=f"{self.router} serves epoch {self.epoch}",
            router=self.router,
            epoch=self.epoch,
            applied_at_ms=self.applied_at_ms,
        )


class TimerElapsed(Reported):
    """A timer came due. epoch: which setting of it."""

    kind: Literal["readiness", "hold", "guard"]
    epoch: Count

    def command(self) -> ElapseTimer:
        """Return the report."""
        return ElapseTimer(
            service=self.service,
            actor=self.actor,
            reason=f"the {self.kind} timer came due",
            kind=TimerKind(self.kind),
            epoch=self.epoch,
        )


class MessageType(StrEnum):
    """The types of inbound messages."""

    REQUESTED = "io.segue.rollout.requested"
    PAUSE = "io.segue.rollout.pause"
    RESUME = "io.segue.rollout.resume"
    PROMOTE = "io.segue.rollout.promote"
    ROLLBACK = "io.segue.rollout.rollback"
    OVERRIDE = "io.segue.rollout.override"
    ALERT = "io.segue.alert.received"
    READY = "io.segue.release.ready"
    FAILED = "io.segue.release.failed"
    UNLOADED = "io.segue.release.unloaded"
    APPLIED = "io.segue.route.applied"
    ELAPSED = "io.segue.timer.elapsed"


MESSAGES: Final[Mapping[Topic, Mapping[MessageType, type[Message]]]] = {
    Topic.REQUESTED: {MessageType.REQUESTED: RolloutRequested},
    Topic.ORDERED: {
        MessageType.PAUSE: PauseOrdered,
        MessageType.RESUME: ResumeOrdered,
        MessageType.PROMOTE: PromoteOrdered,
        MessageType.ROLLBACK: RollbackOrdered,
        MessageType.OVERRIDE: OverrideOrdered,
    },
    Topic.ALERTS: {MessageType.ALERT: AlertReceived},
    Topic.SIGNALS: {
        MessageType.READY: ReleaseIsReady,
        MessageType.FAILED: ReleaseHasFailed,
        MessageType.UNLOADED: ReleaseIsUnloaded,
        MessageType.APPLIED: RouteIsApplied,
        MessageType.ELAPSED: TimerElapsed,
    },
}
"""What each inbound topic carries; any other type on it is refused."""


def read_data(kind: type[Message], data: Mapping[str, object], source: str) -> AnyCommand:
    """
    Return the command that a message's data means. source: the event's source.

    Raises Malformed: the place, the value, and what is allowed.
    """
    if issubclass(kind, Reported):
        data = {"actor": source, **data}
    try:
        return kind.model_validate(data).command()
    except ValidationError as error:
        raise _refusal(kind, error) from None
    except ValueError as error:
        raise Malformed(f"data.plan: {error}") from None


def _refusal(kind: type[Message], error: ValidationError) -> Malformed:
    first = error.errors(include_url=False)[0]
    # The two tags name the branch of `plan` that was taken, which is no place in the message.
    place = [str(part) for part in first["loc"] if part not in ("name", "object") or first["loc"][0] != "plan"]
    path = ".".join(("data", *place))
    if first["type"] == "missing":
        return refused(path, MISSING, "a value")
    if first["type"] == "extra_forbidden":
        return Malformed(f"{path} is not a field of {kind.__name__}; allowed: only the fields of its JSON Schema")
    if first["type"] == "string_pattern_mismatch":
        return refused(path, first["input"], f"text that matches {first['ctx']['pattern']}")
    said = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return refused(path, first["input"], _KINDS.get(first["type"], said))


_KINDS: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}
"""pydantic's kinds of values in the words of the contract."""
