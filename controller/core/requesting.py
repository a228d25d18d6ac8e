"""What a request for a rollout does: begins one, takes the place of another, goes back, or is refused, with why."""

from controller.core.commands import RequestRollout
from controller.core.draft import Draft
from controller.core.events import RequestRefused, Trigger
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
    other = running.release.version if running else "none"
    why = f"release {release.version} was requested while {other} was rolling out"
    return draft.begin(release, asked.plan, why, plan_version=asked.version)
