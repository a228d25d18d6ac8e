"""What people and CI jobs ask for: rollouts, always with a name and a reason. For orders see `ordered`."""

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag

from controller.core.commands import RequestRollout
from controller.core.names import Release
from controller.core.plan import NAMED_PLANS, Plan
from controller.wire.bodies import Body
from controller.wire.fields import Actor, BuildTime, Digest, Ensemble, Message, Name, Reason
from controller.wire.plans import PlanBody


def _plan_name(name: str) -> str:
    if name not in NAMED_PLANS:
        raise ValueError(f"{', '.join(NAMED_PLANS)}, or a plan as an object")
    return name


PLAN_TAGS: Final = ("by name", "in full")
"""The branches of `RolloutRequested.plan`."""


def _plan_tag(plan: object) -> str:
    return PLAN_TAGS[0] if isinstance(plan, str) else PLAN_TAGS[1]


class ReleaseBody(Body):
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


class Asked(Message):
    """What a person or a CI job writes: always with a name and a reason."""

    model_config = ConfigDict(extra="forbid")

    actor: Actor
    reason: Reason


class RolloutRequested(Asked):
    """Please roll this release out. plan: a name, a plan of its own, or none for the careful one."""

    release: ReleaseBody
    plan: Annotated[
        Annotated[
            str, AfterValidator(_plan_name), Field(json_schema_extra={"enum": list(NAMED_PLANS)}), Tag(PLAN_TAGS[0])
        ]
        | Annotated[PlanBody, Tag(PLAN_TAGS[1])],
        Discriminator(_plan_tag),
    ] = Plan().name

    def command(self) -> RequestRollout:
        """Return the request with its plan in full, so that a later change of a named plan rewrites no history."""
        plan = NAMED_PLANS[self.plan] if isinstance(self.plan, str) else self.plan.value()
        return RequestRollout(
            service=self.service, actor=self.actor, reason=self.reason, release=self.release.value(), plan=plan
        )
