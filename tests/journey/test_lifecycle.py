"""Rollouts that are asked for, walk, and end."""

from dataclasses import replace

from controller.core.events import MessageRejected
from controller.wire.topics import Topic
from tests.journey.world import Tale


def test_promote_through_all_steps(tale: Tale) -> None:
    """Given a stable release, when a good one is requested, it walks every step and is promoted by the clock."""
    told = tale.install(tale.world.release("1.4.0"))
    tale.request(
        tale.world.release("1.5.0", frequency_hz="660"),
        steps=[{"weight_bp": 500, "hold_s": 0.3}, {"weight_bp": 5000, "hold_s": 0.3}],
    )
    tale.told(
        *told,
        f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 500",
        "RouteSet 2 stable=1.4.0:9500 candidate=1.5.0:500",
        "StepStarted 1 5000",
        "RouteSet 3 stable=1.4.0:5000 candidate=1.5.0:5000",
        "RolloutPromoted 1.5.0 over 1.4.0",
        "RouteSet 4 stable=1.5.0:10000 previous=1.4.0:0",
    )
    tale.applied(4)
    assert tale.table() == ["stable=1.5.0:10000", "previous=1.4.0:0"]
    assert set(tale.served_by(["ann", "ben"]).values()) == {"1.5.0"}


def test_malformed_request_is_refused_and_told(tale: Tale) -> None:
    """Given a request that cannot be read, it is journalled and stands in the dead letters with its reason."""
    bad = tale.world.event("rollout.requested", tale.service, {"release": "1.5.0", "actor": "ci", "reason": "nightly"})
    tale.world.publish(Topic.REQUESTED, tale.service, bad)
    tale.told("MessageRejected rollout.requested")
    (fact,) = [fact.event for fact in tale.facts()]
    assert isinstance(fact, MessageRejected)
    assert "release" in fact.reason
    tale.world.until("the dead letter", lambda: any(fact.letter in str(letter) for letter in tale.world.reader.letters))

    answer = tale.world.http.post(
        f"{tale.world.tree.api_url}/v1/rollouts",
        json={"service": tale.service, "release": "1.5.0", "actor": "ci", "reason": "nightly"},
        headers={"authorization": f"Bearer {tale.world.tree.tokens.of('operator')}"},
    )
    assert answer.status_code == 400
    assert "release" in answer.text


def test_unknown_model_is_refused(tale: Tale) -> None:
    """Given a request for an ensemble that nobody built, the rollout ends at once and condemns no digest."""
    told = tale.install(tale.world.release("1.4.0"))
    tale.request(
        replace(tale.world.release("1.4.0"), version="9.9.9", ensemble="tone__9_9_9__x", digest="sha256:" + "0" * 64)
    )
    tale.told(
        *told,
        f"RolloutStarted {tale.service}-2 9.9.9 from 1.4.0",
        "ReleaseFailed unknown",
        "RolloutAborted release_unknown 9.9.9 back to 1.4.0",
    )
    assert tale.table() == ["stable=1.4.0:10000"]


def test_same_release_again_is_quiet(tale: Tale) -> None:
    """Given a running rollout, asking again for its release, or for the stable one after it, adds no fact."""
    old, new = tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660")
    told = tale.walk_to_candidate(old, new)
    tale.request(new)
    # An order that is refused comes later on the same partition of another topic; give the request its time first.
    tale.request(tale.world.release("1.6.0", frequency_hz="880"))
    tale.told(
        *told,
        "RolloutSuperseded 1.5.0 by 1.6.0",
        "RouteSet 3 stable=1.4.0:10000",
        f"RolloutStarted {tale.service}-3 1.6.0 from 1.4.0",
        "ReleaseReady 1.6.0",
        "StepStarted 0 5000",
        "RouteSet 4 stable=1.4.0:5000 candidate=1.6.0:5000",
    )
    assert tale.table() == ["stable=1.4.0:5000", "candidate=1.6.0:5000"]


def test_newer_request_supersedes_running_rollout(tale: Tale) -> None:
    """Given a running rollout, when a newer release is requested, the older candidate's traffic returns first."""
    told = tale.walk_to_candidate(tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660"))
    tale.request(tale.world.release("1.6.0", frequency_hz="880"))
    tale.told(
        *told,
        "RolloutSuperseded 1.5.0 by 1.6.0",
        "RouteSet 3 stable=1.4.0:10000",
        f"RolloutStarted {tale.service}-3 1.6.0 from 1.4.0",
        "ReleaseReady 1.6.0",
        "StepStarted 0 5000",
        "RouteSet 4 stable=1.4.0:5000 candidate=1.6.0:5000",
    )
    assert tale.table() == ["stable=1.4.0:5000", "candidate=1.6.0:5000"]


def test_quarantined_release_cannot_return_without_override(tale: Tale) -> None:
    """Given a release that was taken back, it is refused until somebody overrides that by name and reason."""
    old, new = tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660")
    told = tale.walk_to_candidate(old, new)
    tale.order("rollback")
    told += [
        "RolloutAborted order 1.5.0 back to 1.4.0",
        "RouteSet 3 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    ]
    tale.told(*told)
    tale.request(new)
    told += ["RequestRefused 1.5.0"]
    tale.told(*told)
    assert tale.table() == ["stable=1.4.0:10000"]
    tale.order("override", digest=new.digest)
    told += ["QuarantineLifted"]
    tale.told(*told)
    tale.request(new)
    tale.told(
        *told,
        f"RolloutStarted {tale.service}-3 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 5000",
        "RouteSet 4 stable=1.4.0:5000 candidate=1.5.0:5000",
    )
    assert tale.table() == ["stable=1.4.0:5000", "candidate=1.5.0:5000"]
