"""What a plan says about judging: its gates, by which rules evidence and memory are judged, and what alerts do."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from controller.core.evidence.memory import MemoryRules
from controller.core.evidence.rules import Metric, Rules
from controller.core.gates import Gate, GateKind, NoData
from controller.core.plan import MEASURED, AlertAction, AlertPolicy, AlertRule
from controller.wire.amounts import Portion, Span
from controller.wire.bodies import Body
from controller.wire.fields import Count, Name, Role, Seconds, Text

_FOR_ALL: Final = frozenset({"name", "kind", "dry_run"})
_READ: Final = frozenset({"persist", "no_data", "timeout", "timeout_s"})
_OF_KIND: Final[Mapping[str, frozenset[str]]] = {
    GateKind.EVIDENCE: _FOR_ALL,
    GateKind.MEMORY: _FOR_ALL,
    GateKind.PROMETHEUS: _FOR_ALL | _READ | {"query", "above", "below"},
    GateKind.PROBE: _FOR_ALL | _READ | {"prompts"},
    GateKind.HTTP: _FOR_ALL | _READ | {"query"},
    GateKind.APPROVAL: _FOR_ALL | {"role"},
    GateKind.FLEET: _FOR_ALL | _READ | {"above", "below"},
}


class GateBody(Body):
    """
    One question. A step names the gates that it ends with; a gate that no step names is asked all along.

    name: the kind, unless another is given. query: PromQL (prometheus), or the URL that is asked (http).
    above, below: values beyond which it fails. persist: how many failing readings in a row count.
    no_data: what silence does; it never passes. role: who may approve, everybody who may order when left out.
    prompts: how many golden prompts a probe speaks. dry_run: it is asked and recorded, and decides nothing.
    """

    kind: Literal["evidence", "memory", "prometheus", "probe", "http", "approval", "fleet"]
    name: Name | None = None
    query: Annotated[str, StringConstraints(min_length=1, max_length=4000)] | None = None
    above: float | None = None
    below: float | None = None
    persist: Annotated[int, Field(ge=1, le=1000)] | None = None
    no_data: Literal["hold", "rollback"] | None = None
    role: Role | None = None
    prompts: Annotated[int, Field(ge=1, le=100)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] | None = None
    timeout: Span | None = None
    dry_run: bool | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if foreign := sorted(self.model_fields_set - _OF_KIND[self.kind]):
            allowed = ", ".join(name for name in type(self).model_fields if name in _OF_KIND[self.kind])
            raise ValueError(f"a gate of kind {self.kind} has no {foreign[0]}; allowed: {allowed}")
        self.value()
        return self

    def value(self) -> Gate:
        """Return the core's gate."""
        given = dict(self.given("query", "above", "below", "persist", "role", "prompts", "timeout_s", "dry_run"))
        if self.no_data:
            given["no_data"] = NoData(self.no_data)
        return Gate(self.name or self.kind, GateKind(self.kind), **given)


_RULES: Final = tuple(field.name for field in fields(Rules))


class EvidenceBody(Body):
    """
    How measurements are judged.

    metrics: what counts. alpha: probability of taking a healthy candidate back in 24 hours of watching.
    slower: how much slower still passes, share. error_odds: how much worse the odds of a failed block may be, from one
    step that waits for evidence to the next. promote_at: e-value from which a measure is proven good enough.
    proven_to: highest quantile of a timing that must be proven, 0.99 unless there is too little traffic for that.
    rare_failures: share of failed blocks below which failures are too few to compare.
    """

    metrics: (
        Annotated[
            list[Literal["errors", "latency", "ttfa", "rtf", "mos", "ratings"]], Field(min_length=1, max_length=6)
        ]
        | None
    ) = None
    alpha: float | None = None
    least_gap: Portion | None = None
    offset_sd: float | None = None
    promote_at: float | None = None
    proven_to: float | None = None
    rare_failures: Portion | None = None
    error_odds: Annotated[list[float], Field(min_length=1, max_length=8)] | None = None
    slower: Portion | None = None
    score_drop: float | None = None
    missing_after_s: Seconds | None = None
    missing_after: Span | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.value()
        return self

    def value(self) -> Rules:
        """Return the core's rules."""
        names = tuple(name for name in _RULES if name not in ("metrics", "error_odds"))
        given = dict(self.given(*names))
        if self.error_odds:
            given["error_odds"] = tuple(float(odds) for odds in self.error_odds)
        metrics = tuple(Metric(metric) for metric in self.metrics) if self.metrics else MEASURED.metrics
        return Rules(metrics, **given)


class MemoryBody(Body):
    """
    What the candidate may use.

    limit_bytes: hard; 0 means none is known. growth: over stable's footprint, share.
    persist: how long it must stay over before it counts. horizon: a leak that reaches the limit in this time holds.
    """

    limit_bytes: Count | None = None
    growth: Portion | None = None
    persist_s: Seconds | None = None
    persist: Span | None = None
    horizon_s: Seconds | None = None
    horizon: Span | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.value()
        return self

    def value(self) -> MemoryRules:
        """Return the core's rules."""
        return MemoryRules(**self.given("limit_bytes", "growth", "persist_s", "horizon_s"))


class AlertRuleBody(Body):
    """An alert whose label has this value does this."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    value: Text
    action: Literal["rollback", "hold", "notify"]


class AlertPolicyBody(Body):
    """Ordered rules; the first that matches wins."""

    rules: Annotated[list[AlertRuleBody], Field(max_length=100)]
    otherwise: Literal["rollback", "hold", "notify"] = "notify"

    def value(self) -> AlertPolicy:
        """Return the core's policy."""
        rules = tuple(AlertRule(rule.label, rule.value, AlertAction(rule.action)) for rule in self.rules)
        return AlertPolicy(rules, AlertAction(self.otherwise))
