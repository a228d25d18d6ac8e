"""Messages that come in another order than they were sent, late, or twice."""

from controller.core.commands import TimerKind
from controller.wire.topics import Topic
from tests.journey.clock import elapse, running, signals_decided
from tests.journey.world import Tale

STEPS = [{"weight_bp": 500, "hold_s": 3600}, {"weight_bp": 5000, "hold_s": 3600}]


def test_reordered_steps(tale: Tale) -> None:
    """Given reports, timers and orders that come too early, too late or twice, a rollout takes each step once."""
    told = tale.install(tale.world.release("1.4.0"))
    new = tale.world.release("1.5.0", frequency_hz="660")

    # Before the request: its release's report, on another topic, and an order about it.
    early = {"ensemble": new.ensemble, "load_s": 0.1, "probe_latency_s": 0.1, "probe_audio_s": 1.0}
    tale.world.publish(Topic.SIGNALS, tale.service, tale.world.event("release.ready", tale.service, early))
    signals_decided(tale)
    tale.order("promote", rollout=f"{tale.service}-2")
    told += ["OrderRefused PromoteRollout"]
    tale.told(*told)
    tale.request(new, steps=STEPS)
    told += [
        f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 500",
        "RouteSet 2 stable=1.4.0:9500 candidate=1.5.0:500",
    ]
    tale.told(*told)

    # After it: the same report again, the readiness deadline of a release that is ready, and of no rollout at all.
    first = running(tale)
    tale.world.publish(Topic.SIGNALS, tale.service, tale.world.event("release.ready", tale.service, early))
    for epoch in (first - 1, first, first + 1):
        elapse(tale, epoch, TimerKind.READINESS)
    signals_decided(tale)
    tale.told(*told)

    # The first hold's end twice, and once more after a pause that began a new one.
    elapse(tale, first)
    elapse(tale, first)
    told += ["StepStarted 1 5000", "RouteSet 3 stable=1.4.0:5000 candidate=1.5.0:5000"]
    signals_decided(tale)
    tale.told(*told)
    second = running(tale)
    tale.order("pause")
    told += ["RolloutPaused"]
    tale.told(*told)
    tale.order("resume")
    told += ["RolloutResumed"]
    tale.told(*told)
    for late in (first, second):
        elapse(tale, late)
    signals_decided(tale)
    tale.told(*told)
    assert tale.table() == ["stable=1.4.0:5000", "candidate=1.5.0:5000"]

    elapse(tale)
    told += ["RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 4 stable=1.5.0:10000 previous=1.4.0:0"]
    tale.told(*told)
    for late in (first, second):
        elapse(tale, late)
    signals_decided(tale)
    tale.told(*told)
    tale.applied(4)
    assert tale.table() == ["stable=1.5.0:10000", "previous=1.4.0:0"]
