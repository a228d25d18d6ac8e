"""What people and CI jobs ask for: rollouts, and plans by name; each says who and why. For orders see `ordered`."""

from typing import Annotated, Final

from pydantic import ConfigDict, Discriminator, Field, Tag

from controller.core.commands import RequestRollout, SetPlan
from controller.core.names import Release
from controller.core.plan import Plan
from controller.wire.bodies import Body
from controller.wire.fields import Actor, BuildTime, Digest, Endpoints, Ensemble, Message, Name, Reason
from controller.wire.plans import PlanBody

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
    """
    Please roll this release out.

    plan: a name, one in full, or none for the careful one. endpoints: host:port of the Triton HTTP endpoints that the
    release is to live on; none are those that each gateway was given.
    """

    release: ReleaseBody
    plan: Annotated[
        Annotated[Name, Tag(PLAN_TAGS[0])] | Annotated[PlanBody, Tag(PLAN_TAGS[1])],
        Discriminator(_plan_tag),
    ] = Plan().name
    endpoints: Endpoints = Field(default_factory=list)

    def command(self) -> RequestRollout:
        """Return the request; what its plan's name means is looked up when it is decided."""
        plan = self.plan if isinstance(self.plan, str) else self.plan.value()
        return RequestRollout(
            service=self.service,
            actor=self.actor,
            reason=self.reason,
            release=self.release.value(),
            plan=plan,
            endpoints=tuple(self.endpoints),
        )


class PlanOrdered(Asked):
    """Let a name mean this plan for the service's rollouts from now on; those that run keep theirs."""

    name: Name
    plan: PlanBody

    def command(self) -> SetPlan:
        """Return the order."""
        return SetPlan(
            service=self.service, actor=self.actor, reason=self.reason, name=self.name, plan=self.plan.value()
        )
