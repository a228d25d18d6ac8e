"""
How a rollout walks: its gates are asked at every window, and at the end of a hold they decide about the next step.

A gate that fails takes the candidate back at once, whatever else is so. A gate that cannot say holds.
"""

from dataclasses import replace
from typing import Final

from controller.core.calendar import opens_ms
from controller.core.commands import ReportWindow
from controller.core.draft import Draft
from controller.core.events import GateJudged, RolloutWaiting, Trigger, WindowMeasured
from controller.core.evidence.sight import FROZEN_AFTER_MS
from controller.core.evidence.window import Window
from controller.core.gate import Outcome, Verdict
from controller.core.gates import Gate, GateKind
from controller.core.judging import answers, missing, proof
from controller.core.plan import PROMOTION, OnBlind, OnInconclusive, Until
from controller.core.rollout import Rollout, is_news

_AHEAD: Final = "the window ends in the future, so the clock of whoever measures is wrong"


def measure(draft: Draft, command: ReportWindow) -> None:
    """Take one window of measurements: record it, ask the gates, and go on if that is what the rollout waits for."""
    rollout, window = draft.state.rollout, command.window
    if rollout is None or rollout.id != command.rollout:
        return
    if window.end_ms > draft.now_ms + FROZEN_AFTER_MS:
        # Taken as it is, it would make all windows after it late, and itself look fresh for as long.
        window = Window(window.start_ms, window.end_ms)
        command = replace(command, window=window, memory=None, readings=(), blind=_AHEAD)
    if not is_news(rollout, window.start_ms, window.end_ms, command.blind):
        return
    draft.add(
        WindowMeasured(
            **draft.said(),
            window=window,
            memory=command.memory,
            readings=command.readings,
            blind=command.blind,
        )
    )
    look(draft)


def look(draft: Draft) -> None:
    """Ask the gates anew: a failing one takes the candidate back; when all pass, a rollout that waits goes on."""
    rollout = draft.state.rollout
    assert rollout is not None
    if not _judge(draft, rollout.gates) and rollout.waiting and rollout.paused is None:
        _go_on(draft, "what it waited for is there")


def hold_ended(draft: Draft) -> None:
    """Go on to the next step if everything allows it; otherwise wait, and say for what."""
    rollout = draft.state.rollout
    assert rollout is not None
    if not _judge(draft, rollout.plan.gates_at(rollout.step)):
        _go_on(draft, "the hold ended", hour_came=rollout.closed)


def deadline(draft: Draft) -> None:
    """End a rollout that waited too long for a step."""
    rollout = draft.state.rollout
    assert rollout is not None
    lacking = "; ".join(missing(rollout, draft.now_ms)) or rollout.waiting
    draft.abort(Trigger.PROGRESS_DEADLINE, f"step {rollout.step} did not end in time: {lacking}")


def blind(draft: Draft) -> None:
    """Nothing was measured for too long: take a step back, or end the rollout when there is none behind it."""
    rollout = draft.state.rollout
    assert rollout is not None
    why = f"blind: {rollout.blind or 'no measurement came'} for five minutes"
    if rollout.plan.on_blind is OnBlind.STEP_BACK and rollout.step > 0:
        return draft.enter_step(rollout.step - 1, why)
    return draft.abort(Trigger.BLIND, why)


def _judge(draft: Draft, gates: tuple[Gate, ...]) -> bool:
    """Record the answers that changed; say whether one of them ended the rollout."""
    rollout = draft.state.rollout
    assert rollout is not None
    for answer in answers(rollout, gates):
        gate, verdict = answer.gate, answer.verdict
        if verdict.outcome is not rollout.outcome(gate.name):
            draft.add(_judged(draft, gate.name, verdict, dry_run=gate.dry_run))
        if verdict.outcome is Outcome.FAIL and not gate.dry_run:
            trigger = Trigger.EVIDENCE if gate.kind is GateKind.EVIDENCE else Trigger.GATE
            draft.abort(trigger, verdict.reason, verdict.guilty)
            return True
    return False


def _go_on(draft: Draft, why: str, *, hour_came: bool = False) -> None:
    rollout = draft.state.rollout
    assert rollout is not None
    if lacking := missing(rollout, draft.now_ms):
        return _wait(draft, rollout, "; ".join(lacking))
    opens = opens_ms(rollout.plan.hours, draft.now_ms)
    # A timer fires by its own clock, and only once: where the message's is behind, the hour has come all the same.
    known = hour_came and rollout.timer is not None and rollout.timer.due_ms == opens
    if opens > draft.now_ms and not known:
        return _wait_for_hour(draft, rollout, opens)
    if rollout.at is not None and rollout.at.until is Until.EVIDENCE:
        verdict = proof(rollout)
        draft.add(_judged(draft, PROMOTION, verdict))
        why = verdict.reason
    return draft.enter_next_step(why)


def _wait(draft: Draft, rollout: Rollout, why: str) -> None:
    if rollout.plan.on_inconclusive is OnInconclusive.ROLLBACK:
        return draft.abort(Trigger.PROGRESS_DEADLINE, f"the hold ended and its plan does not wait: {why}")
    if rollout.waiting and not rollout.closed:
        return None
    draft.add(RolloutWaiting(**draft.said(why), step=rollout.step, due_ms=_deadline_ms(draft, rollout)))
    return None


def _wait_for_hour(draft: Draft, rollout: Rollout, opens: int) -> None:
    if rollout.closed and rollout.timer is not None and rollout.timer.due_ms == opens:
        return
    why = "its plan does not let it widen at this hour"
    draft.add(RolloutWaiting(**draft.said(why), step=rollout.step, due_ms=opens, closed=True))


def _deadline_ms(draft: Draft, rollout: Rollout) -> int:
    """Return when waiting ends, 0 for never."""
    step = rollout.at
    if step is not None and step.ceiling_s:
        ceiling_ms = rollout.step_began_ms + round(step.ceiling_s * 1000)
        # A pause or a closed hour may have outlasted it; whoever lets the rollout go on gives it a time to wait.
        return ceiling_ms if ceiling_ms > draft.now_ms else draft.in_s(step.ceiling_s - step.hold_s)
    return draft.in_s(rollout.plan.progress_deadline_s) if rollout.plan.progress_deadline_s else 0


def _judged(draft: Draft, gate: str, verdict: Verdict, *, dry_run: bool = False) -> GateJudged:
    return GateJudged(
        **draft.said(verdict.reason),
        gate=gate,
        outcome=verdict.outcome,
        figures=verdict.evidence,
        guilty=verdict.guilty,
        dry_run=dry_run,
    )
