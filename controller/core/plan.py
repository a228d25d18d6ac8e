"""A plan: how a release is walked from no traffic to all of it, and what brings it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.core.names import FULL_BP


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


@dataclass(frozen=True, slots=True)
class Step:
    """Give the candidate `weight_bp` basis points of the traffic, then hold for `hold_s` seconds."""

    weight_bp: int
    hold_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight_bp <= FULL_BP:
            raise ValueError(f"weight_bp is {self.weight_bp}; allowed: 0 to {FULL_BP} basis points")
        if not 0 <= self.hold_s <= 366 * 86_400:
            raise ValueError(f"hold_s is {self.hold_s}; allowed: 0 to {366 * 86_400} seconds")


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Ordered steps; when the last hold ends the candidate is promoted to all traffic.

    readiness_deadline_s: time within which the candidate must be loaded, warm and heard, else the rollout ends.
    guard_s: after promotion the former stable stays loaded this long, so that going back is no model load.
    The defaults are the field's careful walk: testers only, then 5 % watched for a day, then everybody.
    """

    name: str = "careful"
    steps: tuple[Step, ...] = (Step(0, 600), Step(500, 86_400))
    readiness_deadline_s: float = 600
    guard_s: float = 86_400
    alerts: AlertPolicy = AlertPolicy()

    def __post_init__(self) -> None:
        weights = [step.weight_bp for step in self.steps]
        if weights != sorted(weights):
            raise ValueError(f"steps go {weights}; allowed: weights that never shrink from step to step")
        if not 0 < self.readiness_deadline_s <= 86_400:
            raise ValueError(f"readiness_deadline_s is {self.readiness_deadline_s}; allowed: above 0, up to 86400")
        if not 0 <= self.guard_s <= 366 * 86_400:
            raise ValueError(f"guard_s is {self.guard_s}; allowed: 0 to {366 * 86_400} seconds")


NAMED_PLANS = {
    plan.name: plan
    for plan in (
        Plan(),
        Plan("quick", (Step(500, 300), Step(5000, 300)), guard_s=3600),
        Plan("at-once", (), guard_s=3600),
    )
}
"""Plans that a request may call by name."""
