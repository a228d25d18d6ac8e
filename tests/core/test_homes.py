"""Where a release lives: on the endpoints that its request names, wherever it goes in the table."""

import pytest

from controller.core.commands import PromoteRollout, RetireService, RollBack, TimerKind
from controller.core.events import RequestRefused, RolloutStarted
from controller.core.routing import Role
from controller.core.state import Home, State, table, wanted
from tests.spec import PLAN, SAID, SERVICE, Given, When, after, elapsed, installed, ready, release, request

OLD, NEW = release("1.4.0"), release("1.5.0")
A, B, C = "triton-a:8000", "triton-b:8000", "triton-c:8000"
PROMOTE = PromoteRollout(service=SERVICE, **SAID)
ROLL_BACK = RollBack(service=SERVICE, **SAID)


def homes(state: State) -> dict[Role, tuple[str, ...]]:
    """Where the routing table has each release."""
    return {arm.role: arm.endpoints for arm in table(state).arms}


def first_at(*endpoints: str) -> Given:
    """1.4.0 is stable and lives there."""
    return after(request("1.4.0", PLAN, *endpoints), ready("1.4.0"))


def then(given: Given, *endpoints: str) -> Given:
    """1.5.0 stands in its first step and lives there."""
    return Given(Given(given.when(request("1.5.0", PLAN, *endpoints)).state).when(ready("1.5.0")).state)


def refused(when: When) -> str:
    """Return why a request was refused."""
    (event,) = when.events
    assert isinstance(event, RequestRefused)
    return event.reason


def test_rollout_keeps_the_endpoints_that_its_request_names() -> None:
    """The fact that begins a rollout says where the release is to live, and there it is wanted before it is ready."""
    story = first_at().when(request("1.5.0", PLAN, A, B))
    (started,) = story.events
    assert isinstance(started, RolloutStarted)
    assert started.endpoints == (A, B)
    assert wanted(story.state) == (Home(OLD, ()), Home(NEW, (A, B)))


def test_release_keeps_its_endpoints_as_candidate_as_stable_and_on_guard() -> None:
    """Whatever becomes of a release, its arm goes on to name where it lives; a release beside it lives elsewhere."""
    walking = then(first_at(A), B, C)
    assert homes(walking.state) == {Role.STABLE: (A,), Role.CANDIDATE: (B, C)}
    promoted = Given(walking.when(PROMOTE).state)
    assert homes(promoted.state) == {Role.STABLE: (B, C), Role.PREVIOUS: (A,)}
    assert homes(promoted.when(elapsed(promoted, TimerKind.GUARD)).state) == {Role.STABLE: (B, C)}


def test_reverted_promotion_goes_back_to_where_the_former_stable_lives() -> None:
    """In the guard window the former stable takes all traffic back on its own endpoints."""
    story = Given(then(first_at(A), B).when(PROMOTE).state).when(ROLL_BACK)
    assert homes(story.state) == {Role.STABLE: (A,)}


def test_way_back_leads_to_the_endpoints_that_a_former_stable_had() -> None:
    """A release that somebody goes back to by name lives again where it lived while it was stable."""
    promoted = Given(then(first_at(A), B).when(PROMOTE).state)
    alone = Given(promoted.when(elapsed(promoted, TimerKind.GUARD)).state)
    way = Given(alone.when(RollBack(service=SERVICE, **SAID, to="1.4.0")).state)
    assert wanted(way.state) == (Home(NEW, (B,)), Home(OLD, (A,)))
    assert homes(way.when(ready("1.4.0")).state) == {Role.STABLE: (A,)}


def test_release_without_endpoints_has_none_in_its_arm() -> None:
    """Who names no endpoint is served by those that each gateway was given, also after a release that named some."""
    assert homes(Given(then(first_at(A)).when(PROMOTE).state).state) == {Role.STABLE: (), Role.PREVIOUS: (A,)}


def test_retired_service_lives_nowhere() -> None:
    """A service that begins anew does not inherit the endpoints of what it served before."""
    gone = Given(first_at(A).when(RetireService(service=SERVICE, **SAID)).state)
    assert wanted(gone.state) == ()
    assert gone.state.stable_endpoints == ()


@pytest.mark.parametrize("endpoints", [(), (B, A)])
def test_repeated_request_is_quiet(endpoints: tuple[str, ...]) -> None:
    """A release that is asked for again, with the same endpoints or none, stays as it is."""
    then(first_at(), A, B).when(request("1.5.0", PLAN, *endpoints)).then_nothing()
    first_at(A, B).when(request("1.4.0", PLAN, *endpoints)).then_nothing()


def test_release_is_not_moved_by_asking_again() -> None:
    """Who asks for a release elsewhere than where it lives is told that it stays, and what would move it."""
    why = refused(then(first_at(), A).when(request("1.5.0", PLAN, B)))
    assert why == (
        "release 1.5.0 rolls out as hibari-2 and lives on triton-a:8000; to move it, end that rollout and ask again"
    )
    why = refused(first_at().when(request("1.4.0", PLAN, B)))
    assert "is stable and lives on the endpoints that each gateway was given; to move it, let another" in why


def test_history_from_before_endpoints_lives_where_gateways_say() -> None:
    """Facts without endpoints lead to arms without any."""
    story = after(request("1.5.0"), ready("1.5.0"), past=installed())
    assert homes(story.state) == {Role.STABLE: (), Role.CANDIDATE: ()}
