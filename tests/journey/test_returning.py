"""Going back to what was stable before, however long ago; and ending a service."""

from controller.core.commands import TimerKind
from controller.core.events import OrderRefused
from tests.journey.asking import post_order, segue
from tests.journey.clock import elapse
from tests.journey.world import Tale


def after_the_guard(tale: Tale, old_hz: str, **plan: object) -> list[str]:
    """
    1.5.0 was promoted over 1.4.0 by this plan; the guard window is over and 1.4.0 is unloaded.

    old_hz: the pitch of 1.4.0; no other scenario has it, or its services would keep the release loaded.
    """
    old, new = tale.world.release("1.4.0", frequency_hz=old_hz), tale.world.release("1.5.0", frequency_hz="660")
    told = tale.install(old)
    tale.request(new, **plan)
    told += [
        f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 5000",
        "RouteSet 2 stable=1.4.0:5000 candidate=1.5.0:5000",
    ]
    tale.told(*told)
    tale.order("promote")
    told += ["RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 3 stable=1.5.0:10000 previous=1.4.0:0"]
    tale.told(*told)
    elapse(tale, kind=TimerKind.GUARD)
    told += ["GuardWindowEnded 1.4.0", "RouteSet 4 stable=1.5.0:10000"]
    tale.told(*told)
    tale.applied(4)
    tale.unloaded(old)
    return told


def test_rollback_within_window_skips_steps(tale: Tale) -> None:
    """Given a release that was stable lately, going back to it loads it and gives it everything, without a step."""
    told = after_the_guard(tale, "311")
    tale.order("rollback")
    told += ["OrderRefused RollBack"]
    tale.told(*told)
    (refused,) = [fact.event for fact in tale.facts() if isinstance(fact.event, OrderRefused)]
    assert refused.reason.endswith("goes back to 1.4.0")
    answer = segue(tale.world).json("rollout", "rollback", tale.service, "--to", "1.4.0", "--reason", "hoarse at night")
    assert [fact["type"] for fact in answer["facts"]] == ["RolloutStarted"]
    tale.told(
        *told,
        f"RolloutStarted {tale.service}-3 1.4.0 from 1.5.0",
        "ReleaseReady 1.4.0",
        "RolloutPromoted 1.4.0 over 1.5.0",
        "GuardWindowEnded 1.5.0",
        "RouteSet 5 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    )
    tale.applied(5)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert set(tale.served_by(["ann", "ben"]).values()) == {"1.4.0"}


def test_rollback_to_release_outside_window_walks_steps(tale: Tale) -> None:
    """Given a release from before the window, going back to it walks the steps that it was last rolled out with."""
    told = after_the_guard(tale, "313", rollback_window_s=0)
    tale.order("rollback", to="1.4.0")
    told += [
        f"RolloutStarted {tale.service}-3 1.4.0 from 1.5.0",
        "ReleaseReady 1.4.0",
        "StepStarted 0 5000",
        "RouteSet 5 stable=1.5.0:5000 candidate=1.4.0:5000",
    ]
    tale.told(*told)
    tale.applied(5)
    assert set(tale.served_by(f"user-{number}" for number in range(20)).values()) == {"1.4.0", "1.5.0"}
    elapse(tale)
    tale.told(
        *told,
        "RolloutPromoted 1.4.0 over 1.5.0",
        "GuardWindowEnded 1.5.0",
        "RouteSet 6 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    )
    assert tale.table() == ["stable=1.4.0:10000"]


def test_delete_service_mid_rollout(tale: Tale) -> None:
    """Given a service in the middle of a rollout, retiring it empties its table; its next release is a first one."""
    old, new = (tale.world.release(version, frequency_hz=hz) for version, hz in (("1.4.0", "317"), ("1.5.0", "331")))
    told = tale.walk_to_candidate(old, new)
    assert post_order(tale, "retire", {"actor": "olga", "reason": "nobody listens"}, "viewer").status_code == 403
    assert post_order(tale, "retire", {"actor": "olga", "reason": "nobody listens"}).status_code == 202
    told += ["RolloutAborted retired 1.5.0 back to nothing", "ServiceRetired 1.4.0", "RouteSet 3 "]
    tale.told(*told)
    tale.applied(3)
    assert tale.table() == []
    assert tale.say().status_code == 503
    for release in (old, new):
        tale.unloaded(release)
    tale.order("pause")
    told += ["OrderRefused PauseRollout"]
    tale.told(*told)
    (refused,) = [fact.event for fact in tale.facts() if isinstance(fact.event, OrderRefused)]
    assert f"rollout {tale.service}-2 ended with the service by olga at " in refused.reason
    tale.request(new)
    tale.told(
        *told,
        f"RolloutStarted {tale.service}-3 1.5.0 from nothing",
        "ReleaseReady 1.5.0",
        "RolloutPromoted 1.5.0 over nothing",
        "RouteSet 4 stable=1.5.0:10000",
    )
    tale.applied(4)
    assert tale.table() == ["stable=1.5.0:10000"]
    assert tale.say().status_code == 200
