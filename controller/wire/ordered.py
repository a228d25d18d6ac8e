"""What people order: of the running rollout, of what came before it, of the service; always with a reason."""

from typing import Annotated

from pydantic import Field, StringConstraints

from controller.core.commands import (
    AdvanceRollout,
    ApproveGate,
    ExtendHold,
    MarkRollback,
    OverrideQuarantine,
    PauseRollout,
    PromoteRollout,
    RejectGate,
    ResumeRollout,
    RetireService,
    RollBack,
)
from controller.core.names import ROLE_PATTERN
from controller.wire.asked import Asked
from controller.wire.fields import Digest, MaybeRollout, Name, Rollout

_MOST_AT_ONCE_S = 7 * 86_400

MaybeRole = Annotated[str, StringConstraints(pattern=f"^$|{ROLE_PATTERN}")]
"""The role in which somebody speaks, "" for that of an operator."""


class Order(Asked):
    """An order about the running rollout; `rollout` (optional) makes sure that it is the one that is meant."""

    rollout: MaybeRollout = ""

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


class AdvanceOrdered(Order):
    """Take the next step of the plan now, whatever the hold or the gates say."""

    def command(self) -> AdvanceRollout:
        """Return the order."""
        return AdvanceRollout(**self.said())


class ExtendOrdered(Order):
    """Let the running hold last this many seconds longer, a week at most at once."""

    by_s: Annotated[float, Field(gt=0, le=_MOST_AT_ONCE_S)]

    def command(self) -> ExtendHold:
        """Return the order."""
        return ExtendHold(**self.said(), by_s=self.by_s)


class ApproveOrdered(Order):
    """Let a gate of kind approval pass in the current step; role: in which this is said, none for an operator."""

    gate: Name
    role: MaybeRole = ""

    def command(self) -> ApproveGate:
        """Return the order."""
        return ApproveGate(**self.said(), gate=self.gate, role=self.role)


class RejectOrdered(Order):
    """Take the candidate back at a gate of kind approval; role: in which this is said, none for an operator."""

    gate: Name
    role: MaybeRole = ""

    def command(self) -> RejectGate:
        """Return the order."""
        return RejectGate(**self.said(), gate=self.gate, role=self.role)


class RollbackOrdered(Order):
    """
    Take the candidate's traffic back or, inside the guard window, that of the release just promoted.

    to: version, ensemble or digest of a former stable release, when the traffic is to go to that one.
    """

    to: Annotated[str, StringConstraints(max_length=200)] = ""

    def command(self) -> RollBack:
        """Return the order."""
        return RollBack(**self.said(), to=self.to)


class OverrideOrdered(Order):
    """Let the quarantined release with this digest return."""

    digest: Digest

    def command(self) -> OverrideQuarantine:
        """Return the order."""
        return OverrideQuarantine(**self.said(), digest=self.digest)


class MarkOrdered(Order):
    """Say of this rollout, which was taken back, whether that was a false alarm; the latest word counts."""

    rollout: Rollout
    false_alarm: bool

    def command(self) -> MarkRollback:
        """Return the order."""
        return MarkRollback(**self.said(), false_alarm=self.false_alarm)


class RetireOrdered(Order):
    """Stop serving: a running rollout ends, the table is emptied, and every release may be unloaded."""

    def command(self) -> RetireService:
        """Return the order."""
        return RetireService(**self.said())
