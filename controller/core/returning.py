"""
Ways back that people order: from the candidate, from what was just promoted, to an older release, or out of service.

None of them asks a gate or waits for an hour. Only a release from so long ago that nobody can vouch for it is walked
like a new one.
"""

from dataclasses import replace

from controller.core.commands import RetireService, RollBack
from controller.core.draft import Draft
from controller.core.events import RolloutAborted, ServiceRetired, Trigger
from controller.core.past import Former
from controller.core.plan import Plan
from controller.core.refusal import nothing_runs, refuse
from controller.core.state import State


def roll_back(draft: Draft, order: RollBack) -> None:
    """Give the traffic back to stable, to the former stable on guard, or to the release that the order names."""
    state = draft.state
    rollout, guard, stable = state.rollout, state.guard, state.stable
    current = [one for one in (rollout and rollout.id, guard and guard.rollout) if one]
    if order.rollout and order.rollout not in current:
        return refuse(draft, order, nothing_runs(state, order, "to roll back"))
    to_stable = stable is not None and stable.answers_to(order.to)
    if rollout is not None and order.rollout in ("", rollout.id) and (not order.to or to_stable):
        return draft.abort(Trigger.ORDER, order.reason)
    if guard is not None and (not order.to or guard.previous.answers_to(order.to)):
        return draft.revert(Trigger.ORDER, order.reason)
    if not order.to:
        kept = f"; `segue rollout rollback {state.service} --to VERSION --reason ...` goes back to {_kept(state)}"
        return refuse(draft, order, nothing_runs(state, order, "to roll back") + (kept if state.formers else ""))
    if to_stable:
        return refuse(draft, order, f"release {order.to} is stable already, so there is nothing to roll back")
    return _return_to(draft, order)


def _return_to(draft: Draft, order: RollBack) -> None:
    state, running = draft.state, draft.state.rollout
    before = next((one for one in state.formers if one.release.answers_to(order.to)), None)
    if before is None:
        why = f"release {order.to} is none that {state.service} can go back to, which are: {_kept(state)}"
        return refuse(draft, order, f"{why}; `segue rollout start {state.service}` rolls out any other")
    release = before.release
    if state.is_quarantined(release.digest):
        why = f"release {release.version} was itself taken back and is quarantined"
        lets = f"`segue rollout override {state.service} --release {release.version} --reason ...` lets it return"
        return refuse(draft, order, f"{why}; {lets}")
    if running is not None and running.release.digest == release.digest:
        on = f"`segue rollout promote {state.service} --reason ...` gives it everything"
        return refuse(draft, order, f"rollout {running.id} is on its way to {release.version} already; {on}")
    why = f"{draft.said()['actor']} goes back to {release.version}: {order.reason}"
    plan = _way_back(state, before, draft.now_ms)
    return draft.begin(release, plan, why, endpoints=before.endpoints, back=True)


def _way_back(state: State, before: Former, now_ms: int) -> Plan:
    """Return a plan without steps for a release that was stable lately; for an older one, the plan it last had."""
    window_s = (state.stable_plan or before.plan).rollback_window_s
    if now_ms - before.until_ms > window_s * 1000:
        return before.plan
    return replace(before.plan, name="rollback", steps=(), gates=(), hours=())


def _kept(state: State) -> str:
    kept = [one.release for one in state.formers if not state.is_quarantined(one.release.digest)]
    return ", ".join(release.version for release in kept) or "none"


def retire(draft: Draft, order: RetireService) -> None:
    """End what runs and empty the table; nothing must stay loaded, and a later request starts anew."""
    state, rollout, said = draft.state, draft.state.rollout, draft.said()
    if rollout is None and state.stable is None:
        begins = f"`segue rollout start {state.service} --release ... --reason ...` begins it"
        return refuse(draft, order, f"{state.service} serves nothing, so there is nothing to retire; {begins}")
    if order.rollout and (rollout is None or order.rollout != rollout.id):
        return refuse(draft, order, nothing_runs(state, order, "to end"))
    if rollout is not None:
        draft.add(
            RolloutAborted(
                **said, trigger=Trigger.RETIRED, release=rollout.release, back_to=None, weight_bp=rollout.weight_bp
            )
        )
    draft.add(ServiceRetired(**said, release=state.stable))
    return draft.set_route(order.reason)
