"""What people order: to pause, to go on, to hold for longer, to skip, to let back in. Each is done or refused."""

from typing import Final, assert_never

from controller.core.approving import approve, reject
from controller.core.commands import (
    AdvanceRollout,
    AnyOrder,
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
from controller.core.draft import Draft
from controller.core.events import HoldExtended, QuarantineLifted, RolloutPaused, RolloutResumed
from controller.core.marking import mark
from controller.core.refusal import meant, refuse
from controller.core.returning import retire, roll_back
from controller.core.rollout import Phase, Rollout

LONGEST_HOLD_S: Final = 366 * 86_400
"""No hold may last longer, however often it is extended."""


def obey(draft: Draft, order: AnyOrder) -> None:
    """Do what somebody ordered, or refuse it in a sentence."""
    match order:
        case RollBack():
            roll_back(draft, order)
        case RejectGate():
            reject(draft, order)
        case ApproveGate():
            approve(draft, order)
        case PauseRollout() | ResumeRollout() | PromoteRollout() | AdvanceRollout() | ExtendHold():
            _steer(draft, order)
        case OverrideQuarantine():
            _override(draft, order)
        case MarkRollback():
            mark(draft, order)
        case RetireService():
            retire(draft, order)
        case _:
            assert_never(order)


def pause(draft: Draft, rollout: Rollout, why: str) -> None:
    """Let a rollout stand still, and keep what is left of its hold."""
    holding = rollout.phase is Phase.HOLDING and rollout.timer is not None and not rollout.waiting
    left_ms = max(0, rollout.timer.due_ms - draft.now_ms) if holding and rollout.timer else 0
    draft.add(RolloutPaused(**draft.said(why), hold_left_ms=left_ms))


def _steer(draft: Draft, order: PauseRollout | ResumeRollout | PromoteRollout | AdvanceRollout | ExtendHold) -> None:
    rollout = meant(draft, order, "to steer")
    if rollout is None:
        return None
    if isinstance(order, ExtendHold):
        return _extend(draft, rollout, order)
    service, release = draft.state.service, rollout.release.version
    if isinstance(order, PauseRollout):
        if rollout.paused is not None:
            lets = f"`segue rollout resume {service} --reason ...` lets it go on"
            return refuse(draft, order, f"rollout {rollout.id} is paused already; {lets}")
        return pause(draft, rollout, order.reason)
    if isinstance(order, ResumeRollout):
        if rollout.paused is None:
            return refuse(draft, order, f"rollout {rollout.id} is not paused; it walks by itself")
        _resume(draft, rollout.paused)
        if rollout.phase is Phase.PREPARING and rollout.ready:
            draft.enter_next_step("the rollout was resumed and the release is ready")
        return None
    if not rollout.ready:
        return refuse(draft, order, f"release {release} is not ready yet; order it again once it is loaded and heard")
    if isinstance(order, PromoteRollout):
        return draft.promote(order.reason)
    if rollout.paused is not None:
        # Who says "on" to a rollout that stands still means both.
        _resume(draft, rollout.paused)
    return draft.enter_next_step(order.reason)


def _resume(draft: Draft, hold_left_ms: int) -> None:
    draft.add(RolloutResumed(**draft.said(), due_ms=draft.now_ms + hold_left_ms))


def _extend(draft: Draft, rollout: Rollout, order: ExtendHold) -> None:
    service = draft.state.service
    if rollout.paused is not None:
        first = f"`segue rollout resume {service} --reason ...` lets it go on"
        return refuse(draft, order, f"rollout {rollout.id} is paused, so no hold runs; {first}")
    if rollout.timer is None or rollout.phase is not Phase.HOLDING:
        return refuse(draft, order, f"no hold of rollout {rollout.id} runs yet; order it again when its step began")
    if rollout.waiting:
        why = f"the hold of step {rollout.step} is over, and the rollout waits: {rollout.waiting}"
        return refuse(draft, order, f"{why}; `segue rollout pause {service} --reason ...` keeps it where it is")
    due_ms = rollout.timer.due_ms + round(order.by_s * 1000)
    longest_s = rollout.at.ceiling_s if rollout.at and rollout.at.ceiling_s else LONGEST_HOLD_S
    last_ms = rollout.step_began_ms + round(longest_s * 1000)
    if due_ms >= last_ms:
        at_most_s = max(0, last_ms - rollout.timer.due_ms) / 1000
        return refuse(
            draft, order, f"step {rollout.step} may last {longest_s:g} s: extend it by less than {at_most_s:g} s"
        )
    return draft.add(HoldExtended(**draft.said(), due_ms=due_ms))


def _override(draft: Draft, order: OverrideQuarantine) -> None:
    if not draft.state.is_quarantined(order.digest):
        known = ", ".join(f"{release.version} ({release.digest[:19]})" for release in draft.state.quarantined)
        why = f"no release with digest {order.digest[:19]} is quarantined; of this service there is: {known or 'none'}"
        return refuse(draft, order, why)
    return draft.add(QuarantineLifted(**draft.said(rollout=""), digest=order.digest))
