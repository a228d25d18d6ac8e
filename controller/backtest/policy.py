"""What is tried on the record: another plan for every rollout, another policy for alerts, or both."""

from dataclasses import dataclass, replace

from controller.core.plan import AlertPolicy, Plan


@dataclass(frozen=True, slots=True)
class Policy:
    """
    By what rollouts are decided again. plan: None leaves each the plan that it had. alerts: None, those of the plan.
    """

    plan: Plan | None = None
    alerts: AlertPolicy | None = None

    def instead_of(self, had: Plan) -> Plan:
        """Return the plan by which a rollout is decided that had this one."""
        plan = self.plan or had
        return replace(plan, alerts=self.alerts) if self.alerts is not None else plan

    @property
    def changes(self) -> bool:
        """Say whether anything is tried at all."""
        return self != Policy()
