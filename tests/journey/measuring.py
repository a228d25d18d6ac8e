"""Measurements, reported by the test itself: these worlds run without an observer, so nobody else says anything."""

import time
from collections.abc import Mapping

from controller.core.events import WindowMeasured
from controller.core.rollout import Rollout
from controller.core.stream import begin, fold
from controller.wire.topics import Topic
from tests.journey.world import Tale

Answers = Mapping[str, float | str | None]
"""What gates answered: a value, an outcome, or nothing."""


def spoken(requests: int, failures: int = 0, later: int = 0) -> dict[str, object]:
    """
    Return an arm's requests in blocks of five, no two failures in one: most take 0.2 s, a tenth takes 0.6 s.

    later: buckets of 5 % by which the first audio comes later than it should.
    """
    well = requests - failures
    tenth = well // 10
    spread = [(-33, well // 2), (-30, well - well // 2 - tenth), (-10, tenth)]
    took = {
        name: [[bucket + shift, count] for bucket, count in spread if count]
        for name, shift in (("latency", 0), ("ttfa", later), ("rtf", 0))
    }
    blocks = requests // 5
    return {
        "requests": requests,
        "failures": failures,
        "blocks": blocks,
        "failed_blocks": min(failures, blocks),
        **took,
    }


def measure(
    tale: Tale,
    answers: Answers | None = None,
    *,
    candidate: Mapping[str, object] | None = None,
    stable: Mapping[str, object] | None = None,
) -> None:
    """
    Report one window, from the end of the last one until now, as the observer would; returns when it is a fact.

    It belongs to the rollout that runs by the facts so far, and begins with its step when it is that step's first.
    """
    rollout = _rollout(tale)
    start_ms = max(rollout.seen_ms, rollout.step_began_ms)
    end_ms = max(time.time_ns() // 1_000_000, start_ms + 1)
    data = {
        "actor": "a journey",
        "rollout": rollout.id,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "candidate": candidate or spoken(0),
        "stable": stable or spoken(0),
        "readings": [_reading(gate, answer) for gate, answer in (answers or {}).items()],
    }
    tale.world.publish(Topic.SIGNALS, tale.service, tale.world.event("window.measured", tale.service, data))
    tale.world.until(f"{tale.service}: the window until {end_ms}", lambda: end_ms in _measured(tale))


def _rollout(tale: Tale) -> Rollout:
    rollout = fold(begin(tale.service), tale.facts()).state.rollout
    assert rollout is not None, f"nothing rolls out of {tale.service}"
    return rollout


def _measured(tale: Tale) -> set[int]:
    return {fact.event.window.end_ms for fact in tale.facts() if isinstance(fact.event, WindowMeasured)}


def _reading(gate: str, answer: float | str | None) -> dict[str, object]:
    match answer:
        case str():
            return {"gate": gate, "outcome": answer, "reason": f"it answers {answer}"}
        case None:
            return {"gate": gate, "reason": "no answer"}
        case _:
            return {"gate": gate, "value": float(answer)}
