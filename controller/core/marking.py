"""What people say of a rollback afterwards: whether the release was bad. It is kept, and moves nothing."""

from typing import Final

from controller.core.commands import MarkRollback
from controller.core.draft import Draft
from controller.core.events import RollbackMarked
from controller.core.past import KEPT_TAKEN_BACK
from controller.core.refusal import refuse
from controller.core.state import State

_NAMED: Final = 5


def mark(draft: Draft, order: MarkRollback) -> None:
    """Record a mark, also in place of an earlier one; refuse it for a rollout that was taken back from nobody."""
    state = draft.state
    if order.rollout in state.taken_back:
        return draft.add(RollbackMarked(**draft.said(rollout=order.rollout), false_alarm=order.false_alarm))
    if state.rollout is not None and state.rollout.id == order.rollout:
        why = f"rollout {order.rollout} still runs; mark it once it was taken back"
        return refuse(draft, order, f"{why}, or `segue rollout rollback {state.service} --reason ...` takes it back")
    what = f"rollout {order.rollout or '(none named)'} is none that was taken back from users"
    return refuse(draft, order, f"{what}, so there is nothing to mark; {_there_are(state)}")


def _there_are(state: State) -> str:
    if not state.taken_back:
        return f"{state.service} has had no rollback yet"
    among = f", of the last {KEPT_TAKEN_BACK}" if len(state.taken_back) == KEPT_TAKEN_BACK else ""
    return f"the latest that were{among}: {', '.join(reversed(state.taken_back[-_NAMED:]))}"
