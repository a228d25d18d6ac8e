"""Time, driven by messages: a hold ends when its timer's message comes, however long it was to last."""

import itertools

from controller.core.commands import TimerKind
from controller.core.events import RouteApplied
from controller.core.state import timers
from controller.core.stream import begin, fold
from controller.wire.topics import Topic
from tests.journey.world import Tale

_witnesses = (f"witness-{number}" for number in itertools.count(1))


def running(tale: Tale, kind: TimerKind = TimerKind.HOLD) -> int:
    """Return the epoch of the timer of this kind that the tale's service waits for, by the facts so far."""
    state = fold(begin(tale.service), tale.facts()).state
    return next(timer.epoch for timer in timers(state) if timer.kind is kind)


def elapse(tale: Tale, epoch: int | None = None, kind: TimerKind = TimerKind.HOLD) -> None:
    """Let a timer come due now: the one that the service waits for, unless an epoch names another."""
    data = {"actor": "segue/timers", "kind": kind.value, "epoch": running(tale, kind) if epoch is None else epoch}
    tale.world.publish(Topic.SIGNALS, tale.service, tale.world.event("timer.elapsed", tale.service, data))


def signals_decided(tale: Tale) -> None:
    """Wait until all signals published so far are decided, also those that were met with silence."""
    router, epoch = next(_witnesses), tale.world.reader.tables[tale.service].epoch
    data = {"actor": router, "router": router, "epoch": epoch, "applied_at_ms": 0}
    tale.world.publish(Topic.SIGNALS, tale.service, tale.world.event("route.applied", tale.service, data))
    tale.world.until(
        f"{tale.service}: the word of {router}",
        lambda: any(isinstance(fact.event, RouteApplied) and fact.event.router == router for fact in tale.facts()),
    )
