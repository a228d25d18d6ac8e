"""What people order, what comes of it, and what they are told."""

from concurrent.futures import ThreadPoolExecutor

from controller.core.events import MessageRejected, OrderRefused, RolloutPaused, RolloutPromoted, RolloutResumed
from controller.wire.topics import Topic
from tests.journey.asking import post_order, segue
from tests.journey.clock import elapse, running, signals_decided
from tests.journey.test_alerts import candidate_is_up
from tests.journey.world import Tale

TAKEN_BACK = [
    "RolloutAborted order 1.5.0 back to 1.4.0",
    "RouteSet 3 stable=1.4.0:10000",
    "ReleaseQuarantined 1.5.0",
]
PROMOTED = ["RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 3 stable=1.5.0:10000 previous=1.4.0:0"]
LADDER = [{"weight_bp": weight_bp, "hold_s": 3600} for weight_bp in (500, 2500, 5000)]


def test_abort_then_retry_then_promote(tale: Tale) -> None:
    """Given a rollout that was taken back by hand, its release returns after an override alone, and is promoted."""
    old, new = tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660")
    told = tale.walk_to_candidate(old, new)
    tale.order("rollback")
    told += TAKEN_BACK
    tale.told(*told)
    tale.request(new)
    told += ["RequestRefused 1.5.0"]
    tale.told(*told)
    tale.order("override", digest=new.digest)
    told += ["QuarantineLifted"]
    tale.told(*told)
    tale.request(new)
    told += [
        f"RolloutStarted {tale.service}-3 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 5000",
        "RouteSet 4 stable=1.4.0:5000 candidate=1.5.0:5000",
    ]
    tale.told(*told)
    tale.order("promote")
    tale.told(*told, "RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 5 stable=1.5.0:10000 previous=1.4.0:0")
    tale.applied(5)
    assert tale.table() == ["stable=1.5.0:10000", "previous=1.4.0:0"]
    assert tale.served_by(["ann", "ben"]) == {"ann": "1.5.0", "ben": "1.5.0"}


def on_the_first_step(tale: Tale) -> list[str]:
    """1.5.0 stands on the first of three steps, an hour each."""
    told = tale.install(tale.world.release("1.4.0"))
    tale.request(tale.world.release("1.5.0", frequency_hz="660"), steps=LADDER)
    told += [
        f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 500",
        "RouteSet 2 stable=1.4.0:9500 candidate=1.5.0:500",
    ]
    tale.told(*told)
    return told


def test_promote_full_skips_steps(tale: Tale) -> None:
    """Given a candidate on the first of three steps, the order to promote gives it everything and skips the others."""
    told = on_the_first_step(tale)
    skipped = running(tale)
    tale.order("promote")
    told += PROMOTED
    tale.told(*told)
    elapse(tale, skipped)
    signals_decided(tale)
    tale.told(*told)
    tale.applied(3)
    assert tale.table() == ["stable=1.5.0:10000", "previous=1.4.0:0"]
    assert tale.served_by(["ann", "ben"]) == {"ann": "1.5.0", "ben": "1.5.0"}


def test_pause_resume(tale: Tale) -> None:
    """Given a paused rollout, its hold's end moves nothing; resumed, what was left of the hold is still to come."""
    told = on_the_first_step(tale)
    before = running(tale)
    tale.order("pause")
    told += ["RolloutPaused"]
    tale.told(*told)
    elapse(tale, before)
    signals_decided(tale)
    tale.order("pause")
    told += ["OrderRefused PauseRollout"]
    tale.told(*told)
    assert tale.table() == ["stable=1.4.0:9500", "candidate=1.5.0:500"]
    tale.order("resume")
    told += ["RolloutResumed"]
    tale.told(*told)
    (paused,) = [fact.event for fact in tale.facts() if isinstance(fact.event, RolloutPaused)]
    (resumed,) = [fact for fact in tale.facts() if isinstance(fact.event, RolloutResumed)]
    assert 3_500_000 < paused.hold_left_ms <= 3_600_000
    assert isinstance(resumed.event, RolloutResumed)
    assert resumed.event.due_ms == resumed.at_ms + paused.hold_left_ms
    elapse(tale)
    tale.told(*told, "StepStarted 1 2500", "RouteSet 3 stable=1.4.0:7500 candidate=1.5.0:2500")
    assert tale.table() == ["stable=1.4.0:7500", "candidate=1.5.0:2500"]


def test_two_operators_race(tale: Tale) -> None:
    """Given two people who promote at once, one of them does it and the other is told that nothing runs any more."""
    told = candidate_is_up(tale)
    command = segue(tale.world)

    def promote(actor: str) -> tuple[str, list[str]]:
        why = ["--reason", f"{actor} has listened"]
        answer = command.json("rollout", "promote", tale.service, "--actor", actor, *why, "--wait", "20", code=None)
        return answer["refused"], [fact["type"] for fact in answer["facts"]]

    with ThreadPoolExecutor(2) as both:
        answers = dict(zip(("ann", "ben"), both.map(promote, ("ann", "ben")), strict=True))
    tale.told(*told, *PROMOTED, "OrderRefused PromoteRollout")
    (won,) = [fact.event.actor for fact in tale.facts() if fact.event.reason.endswith("has listened")][:1]
    lost = "ben" if won == "ann" else "ann"
    (refused,) = [fact.event for fact in tale.facts() if isinstance(fact.event, OrderRefused)]
    (promoted,) = [fact.event for fact in tale.facts() if isinstance(fact.event, RolloutPromoted)][1:]
    assert (promoted.actor, refused.actor) == (won, lost)
    assert answers[won] == ("", ["RolloutPromoted", "RouteSet"])
    assert answers[lost] == (refused.reason, ["OrderRefused"])
    assert f"rollout {tale.service}-2 was promoted by {won} at " in refused.reason
    assert tale.table() == ["stable=1.5.0:10000", "previous=1.4.0:0"]


def test_rollback_needs_reason(tale: Tale) -> None:
    """Given a rollback without a reason, it is rejected into the dead letters, HTTP answers 400, nothing moves."""
    told = candidate_is_up(tale)
    for data in ({"actor": "ann"}, {"actor": "ann", "reason": " "}):
        event = tale.world.event("rollout.rollback", tale.service, data)
        tale.world.publish(Topic.ORDERED, tale.service, event)
        told += ["MessageRejected rollout.ordered"]
        tale.told(*told)
        fact = [fact.event for fact in tale.facts() if isinstance(fact.event, MessageRejected)][-1]
        assert "data.reason" in fact.reason
        stands_in_letters(tale, fact)
        answer = post_order(tale, "rollback", data)
        assert answer.status_code == 400
        assert "reason" in answer.text
    assert tale.table() == ["stable=1.4.0:5000", "candidate=1.5.0:5000"]
    assert post_order(tale, "rollback", {"actor": "ann", "reason": "it sounds flat"}).status_code == 202
    tale.told(*told, *TAKEN_BACK)
    assert tale.table() == ["stable=1.4.0:10000"]


def test_promote_needs_role(tale: Tale) -> None:
    """Given a token that may only look, or none, the order to promote is refused and nothing is recorded."""
    told = candidate_is_up(tale)
    order = {"actor": "vera", "reason": "she likes it"}
    assert {
        role: post_order(tale, "promote", order, role).status_code for role in ("viewer", "alertmanager", None)
    } == {
        "viewer": 403,
        "alertmanager": 403,
        None: 401,
    }
    assert "operator" in post_order(tale, "promote", order, "viewer").text
    assert post_order(tale, "promote", {"actor": "olga", "reason": "she may"}).status_code == 202
    tale.told(*told, *PROMOTED)
    assert [fact.event.actor for fact in tale.facts() if isinstance(fact.event, RolloutPromoted)][1:] == ["olga"]
    assert tale.table() == ["stable=1.5.0:10000", "previous=1.4.0:0"]


def stands_in_letters(tale: Tale, fact: MessageRejected) -> None:
    """Wait until a rejected message is a dead letter."""
    tale.world.until("the dead letter", lambda: any(fact.letter in str(letter) for letter in tale.world.reader.letters))
