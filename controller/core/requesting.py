"""What a request for a rollout does: begins one, takes the place of another, goes back, or is refused, with why."""

from controller.core.commands import RequestRollout
from controller.core.draft import Draft
from controller.core.events import RequestRefused, RolloutStarted, RolloutSuperseded, Trigger
from controller.core.named import find_plan, names


def take_request(draft: Draft, request: RequestRollout) -> None:
    """Make the release the candidate, unless it is so already or something speaks against it."""
    state, release = draft.state, request.release
    if state.is_quarantined(release.digest):
        why = (
            f"release {release.version} ({release.digest[:19]}) was taken back and is quarantined; "
            f"`segue rollout override {state.service} --release {release.version} --reason ...` lets it return"
        )
        return draft.add(RequestRefused(**draft.said(why, rollout=""), release=release))
    running = state.rollout
    if running is not None and running.release.digest == release.digest:
        return None
    if running is not None and running.back:
        why = (
            f"rollout {running.id} goes back to {running.release.version}; request {release.version} when that is over"
        )
        return draft.add(RequestRefused(**draft.said(why, rollout=""), release=release))
    if state.stable is not None and state.stable.digest == release.digest:
        if running is None:
            return None
        return draft.abort(Trigger.STABLE_REQUESTED, f"the stable release {release.version} was requested again")
    asked = find_plan(state.plans, request.plan)
    if asked is None:
        why = f"there is no plan {request.plan}; of {state.service} there is: {', '.join(names(state.plans))}"
        return draft.add(RequestRefused(**draft.said(why, rollout=""), release=release))
    if running is not None:
        why = f"release {release.version} was requested while {running.release.version} was rolling out"
        draft.add(RolloutSuperseded(**draft.said(why), release=running.release, by=release))
        draft.set_route(why, running.id)
    return draft.add(
        RolloutStarted(
            **draft.said(rollout=f"{state.service}-{state.rollouts + 1}"),
            release=release,
            from_release=state.stable,
            plan=asked.plan,
            plan_version=asked.version,
            ready_by_ms=draft.in_s(asked.plan.readiness_deadline_s),
        )
    )
