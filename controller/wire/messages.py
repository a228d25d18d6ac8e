"""
The public contract: what may be said on each inbound topic, and the command that each message means.

The models behind it are the source of the JSON Schemas in `deploy/schemas`. What people and CI write (`asked`)
refuses fields it does not know: a misspelt `plan` must not roll out with another one. What machines report
(`reported`) ignores them: in an upgrade a newer reporter must not be deaf to an older reader.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from controller.core.commands import AnyCommand
from controller.core.errors import Malformed
from controller.wire.asked import PLAN_TAGS, PlanOrdered, RolloutRequested
from controller.wire.fields import Message
from controller.wire.measured import WindowIsMeasured
from controller.wire.ordered import (
    AdvanceOrdered,
    ApproveOrdered,
    ExtendOrdered,
    MarkOrdered,
    OverrideOrdered,
    PauseOrdered,
    PromoteOrdered,
    RejectOrdered,
    ResumeOrdered,
    RetireOrdered,
    RollbackOrdered,
)
from controller.wire.refusal import refusal
from controller.wire.reported import (
    AlertReceived,
    EndpointIsEjected,
    EndpointIsReadmitted,
    ReleaseHasFailed,
    ReleaseIsDrained,
    ReleaseIsReady,
    ReleaseIsUnloaded,
    Reported,
    RouteIsApplied,
    RouterHasEnded,
    TimerElapsed,
)
from controller.wire.scenes import SceneIsDropped, SceneIsKept
from controller.wire.topics import Topic


class MessageType(StrEnum):
    """The types of inbound messages."""

    REQUESTED = "io.segue.rollout.requested"
    PAUSE = "io.segue.rollout.pause"
    RESUME = "io.segue.rollout.resume"
    PROMOTE = "io.segue.rollout.promote"
    ADVANCE = "io.segue.rollout.advance"
    EXTEND = "io.segue.rollout.extend"
    APPROVE = "io.segue.rollout.approve"
    REJECT = "io.segue.rollout.reject"
    ROLLBACK = "io.segue.rollout.rollback"
    OVERRIDE = "io.segue.rollout.override"
    MARK = "io.segue.rollout.mark"
    RETIRE = "io.segue.service.retire"
    PLAN = "io.segue.plan.set"
    ALERT = "io.segue.alert.received"
    READY = "io.segue.release.ready"
    FAILED = "io.segue.release.failed"
    UNLOADED = "io.segue.release.unloaded"
    APPLIED = "io.segue.route.applied"
    DRAINED = "io.segue.release.drained"
    ENDED = "io.segue.router.ended"
    WINDOW = "io.segue.window.measured"
    EJECTED = "io.segue.endpoint.ejected"
    READMITTED = "io.segue.endpoint.readmitted"
    KEPT = "io.segue.scene.kept"
    DROPPED = "io.segue.scene.dropped"
    ELAPSED = "io.segue.timer.elapsed"


MESSAGES: Final[Mapping[Topic, Mapping[MessageType, type[Message]]]] = {
    Topic.REQUESTED: {MessageType.REQUESTED: RolloutRequested},
    Topic.ORDERED: {
        MessageType.PAUSE: PauseOrdered,
        MessageType.RESUME: ResumeOrdered,
        MessageType.PROMOTE: PromoteOrdered,
        MessageType.ADVANCE: AdvanceOrdered,
        MessageType.EXTEND: ExtendOrdered,
        MessageType.APPROVE: ApproveOrdered,
        MessageType.REJECT: RejectOrdered,
        MessageType.ROLLBACK: RollbackOrdered,
        MessageType.OVERRIDE: OverrideOrdered,
        MessageType.MARK: MarkOrdered,
        MessageType.RETIRE: RetireOrdered,
        MessageType.PLAN: PlanOrdered,
    },
    Topic.ALERTS: {MessageType.ALERT: AlertReceived},
    Topic.SIGNALS: {
        MessageType.READY: ReleaseIsReady,
        MessageType.FAILED: ReleaseHasFailed,
        MessageType.UNLOADED: ReleaseIsUnloaded,
        MessageType.APPLIED: RouteIsApplied,
        MessageType.DRAINED: ReleaseIsDrained,
        MessageType.ENDED: RouterHasEnded,
        MessageType.WINDOW: WindowIsMeasured,
        MessageType.EJECTED: EndpointIsEjected,
        MessageType.READMITTED: EndpointIsReadmitted,
        MessageType.KEPT: SceneIsKept,
        MessageType.DROPPED: SceneIsDropped,
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
        raise refusal(error, "data", kind, *PLAN_TAGS) from None
    except ValueError as error:
        place = "data.plan" if issubclass(kind, RolloutRequested | PlanOrdered) else "data"
        raise Malformed(f"{place}: {error}") from None
