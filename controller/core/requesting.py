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
        how, moves = f"rolls out as {running.id}", "end that rollout and ask again"
        return _again(draft, request, running.endpoints, how, moves)
    if running is not None and running.back:
        why = (
            f"rollout {running.id} goes back to {running.release.version}; request {release.version} when that is over"
        )
        return draft.add(RequestRefused(**draft.said(why, rollout=""), release=release))
    if state.stable is not None and state.stable.digest == release.digest:
        if running is None:
            return _again(draft, request, state.stable_endpoints, "is stable", "let another release be stable first")
        return draft.abort(Trigger.STABLE_REQUESTED, f"the stable release {release.version} was requested again")
    asked = find_plan(state.plans, request.plan)
    if asked is None:
        why = f"there is no plan {request.plan}; of {state.service} there is: {', '.join(names(state.plans))}"
        return draft.add(RequestRefused(**draft.said(why, rollout=""), release=release))
    other = running.release.version if running else "none"
    why = f"release {release.version} was requested while {other} was rolling out"
    return draft.begin(release, asked.plan, why, endpoints=request.endpoints, plan_version=asked.version)


def _again(draft: Draft, request: RequestRollout, endpoints: tuple[str, ...], how: str, moves: str) -> None:
    """Say nothing to a repeated request, unless it asks for a move: a release stays where its rollout put it."""
    if not request.endpoints or set(request.endpoints) == set(endpoints):
        return
    lives = f"lives on {', '.join(endpoints)}" if endpoints else "lives on the endpoints that each gateway was given"
    why = f"release {request.release.version} {how} and {lives}; to move it, {moves}"
    draft.add(RequestRefused(**draft.said(why, rollout=""), release=request.release))
