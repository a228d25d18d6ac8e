"""How an order is turned down: in a sentence that says what became of the rollout it meant, and what to do instead."""

from datetime import UTC, datetime

from controller.core.commands import Order
from controller.core.draft import Draft
from controller.core.events import OrderRefused
from controller.core.past import Ended
from controller.core.rollout import Rollout
from controller.core.state import State


def refuse(draft: Draft, order: Order, why: str) -> None:
    """Record that an order makes no sense now; the sentence ends with the next step where there is one."""
    draft.add(OrderRefused(**draft.said(why), order=type(order).__name__))


def meant(draft: Draft, order: Order, purpose: str) -> Rollout | None:
    """Return the running rollout if the order means it; otherwise refuse the order and return None."""
    rollout = draft.state.rollout
    if rollout is not None and order.rollout in ("", rollout.id):
        return rollout
    refuse(draft, order, nothing_runs(draft.state, order, purpose))
    return None


def nothing_runs(state: State, order: Order, purpose: str) -> str:
    """Say why there is no rollout to do this with, and what became of the last one, which another may have ended."""
    last, running = state.last, state.rollout
    if order.rollout and running is not None:
        gone = _how(last) if last and last.rollout == order.rollout else f"rollout {order.rollout} does not run"
        return f"{gone}; {running.id} runs now: name that one, or none"
    begins = f"`segue rollout start {state.service} --release ... --reason ...` begins one"
    what = f"no rollout of {state.service} runs, so there is nothing {purpose}"
    return f"{what}: {_how(last)}; {begins}" if last else f"{what}; {begins}"


def _how(last: Ended) -> str:
    when = datetime.fromtimestamp(last.at_ms / 1000, UTC)
    return f"rollout {last.rollout} {last.how} by {last.actor} at {when:%Y-%m-%d %H:%M:%S} UTC"
