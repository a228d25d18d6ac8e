"""What users meet decides: measured by gateways, read by Prometheus, seen by the observer, judged by the core."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from controller.core.events import GateJudged, RolloutAborted, RolloutWaiting, WindowMeasured
from controller.core.gate import Outcome
from controller.core.readings import MemorySource
from controller.supervise.plan import Part
from tests.journey.clock import elapse
from tests.journey.starting import running_world
from tests.journey.world import Tale, World

PARTS = (Part.KAFKA, Part.TRITON, Part.PROMETHEUS)
SPEAKERS = 4
EVIDENCE = {"gates": [{"kind": "evidence"}], "evidence": {"alpha": 0.05}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Segue that observes, with a Prometheus of its own; in all other worlds scenarios say what was measured."""
    with running_world(tmp_path_factory.mktemp("observing"), "sqlite", "", PARTS, observe_every_s=2) as world:
        yield world


def test_slower_candidate_is_taken_back_by_evidence(tale: Tale) -> None:
    """Given a candidate that every user waits longer for, and no alert about it, evidence names what is worse."""
    tale.install(tale.world.release("1.4.0"))
    tale.request(tale.world.release("1.5.0", frequency_hz="660", delay_s="0.1"), **EVIDENCE)
    with users(tale):
        tale.world.until(f"{tale.service}: it is taken back", lambda: "ReleaseQuarantined 1.5.0" in told(tale), 60)
    assert told(tale)[4:] == [
        f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 5000",
        "RouteSet 2 stable=1.4.0:5000 candidate=1.5.0:5000",
        *[sentence for sentence in told(tale) if sentence == "GateJudged evidence pass"],
        "GateJudged evidence fail",
        "RolloutAborted evidence 1.5.0 back to 1.4.0",
        "RouteSet 3 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    ]
    facts = [fact.event for fact in tale.facts()]
    (aborted,) = [event for event in facts if isinstance(event, RolloutAborted)]
    assert {"latency", "ttfa", "rtf"} & set(aborted.guilty)
    (failed,) = [event for event in facts if isinstance(event, GateJudged) and event.outcome is Outcome.FAIL]
    (together,) = [figure for figure in failed.figures if figure.name == "all together"]
    assert together.value >= together.limit == 20
    windows = [event.window for event in facts if isinstance(event, WindowMeasured) and not event.blind]
    assert sum(window.candidate.requests for window in windows) > 0
    assert sum(window.candidate.failures + window.stable.failures for window in windows) == 0
    tale.applied(3)
    assert tale.table() == ["stable=1.4.0:10000"]


def test_metrics_store_down_holds_then_deadline(tale: Tale) -> None:
    """Given a candidate that all is well with, when Prometheus dies, it is neither widened nor condemned, but ended."""
    tale.install(tale.world.release("1.4.0"))
    tale.request(
        tale.world.release("1.5.0", frequency_hz="660"),
        steps=[{"weight_bp": 5000, "hold_s": 3600}, {"weight_bp": 9000, "hold_s": 3600}],
        gates=[{"kind": "evidence"}],
        progress_deadline_s=2,
    )
    with users(tale):
        tale.world.until(f"{tale.service}: evidence passes", lambda: told(tale)[-1] == "GateJudged evidence pass", 60)
        tale.world.tree["prometheus"].stop()
        try:
            tale.world.until(f"{tale.service}: it is blind", lambda: is_blind(tale))
            elapse(tale)
            tale.world.until(f"{tale.service}: the deadline", lambda: told(tale)[-1] == "RouteSet 3 stable=1.4.0:10000")
        finally:
            tale.world.tree["prometheus"].start()
    assert told(tale)[4:] == [
        f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 5000",
        "RouteSet 2 stable=1.4.0:5000 candidate=1.5.0:5000",
        "GateJudged evidence pass",
        "RolloutWaiting 0",
        "RolloutAborted progress_deadline 1.5.0 back to 1.4.0",
        "RouteSet 3 stable=1.4.0:10000",
    ]
    (waiting,) = [fact for fact in tale.facts() if isinstance(fact.event, RolloutWaiting)]
    (aborted,) = [fact for fact in tale.facts() if isinstance(fact.event, RolloutAborted)]
    assert waiting.event.reason.startswith("nothing is measured: Prometheus does not answer")
    assert "nothing is measured: Prometheus does not answer" in aborted.event.reason
    assert aborted.at_ms >= waiting.at_ms + 2000
    tale.applied(3)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert set(tale.served_by(["ann", "ben"]).values()) == {"1.4.0"}


def test_candidate_that_takes_more_memory_is_taken_back(tale: Tale) -> None:
    """Given a candidate whose stage holds 96 MiB more than stable's, the memory of both processes decides."""
    tale.install(tale.world.release("1.4.0"))
    candidate = tale.world.release("1.5.0", frequency_hz="660", held_mib="96")
    tale.request(candidate, gates=[{"kind": "memory"}], memory={"growth": 0.5, "persist_s": 4})
    tale.world.until(f"{tale.service}: it is taken back", lambda: "ReleaseQuarantined 1.5.0" in told(tale), 60)
    assert told(tale)[8:] == [
        *[sentence for sentence in told(tale) if sentence == "GateJudged memory pass"],
        "GateJudged memory fail",
        "RolloutAborted gate 1.5.0 back to 1.4.0",
        "RouteSet 3 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    ]
    facts = [fact.event for fact in tale.facts()]
    (aborted,) = [event for event in facts if isinstance(event, RolloutAborted)]
    assert aborted.guilty == ("memory",)
    assert "over stable's footprint; 50 % is allowed" in aborted.reason
    read = [event.memory for event in facts if isinstance(event, WindowMeasured) and event.memory]
    assert read[-1].source is MemorySource.PROCESS
    assert read[-1].candidate_bytes - read[-1].stable_bytes > 90 * 2**20 > read[-1].stable_bytes


def told(tale: Tale) -> list[str]:
    """The facts so far, windows aside."""
    return [sentence for sentence in tale.sentences() if not sentence.startswith("WindowMeasured")]


def is_blind(tale: Tale) -> bool:
    """Say whether nothing could be measured in the newest window; on a busy machine one before may have been so too."""
    *_, newest = [fact.event for fact in tale.facts() if isinstance(fact.event, WindowMeasured)]
    return newest.blind != ""


@contextmanager
def users(tale: Tale) -> Iterator[None]:
    """Let users speak, one after another, for as long as the block runs; each of them must be served."""
    tale.applied(1)
    ended = Event()

    def speak(speaker: int) -> int:
        spoken = 0
        while not ended.is_set():
            tale.served_by([f"user-{speaker}-{spoken}"])
            spoken += 1
            time.sleep(0.02)
        return spoken

    with ThreadPoolExecutor(SPEAKERS) as pool:
        speaking = [pool.submit(speak, number) for number in range(SPEAKERS)]
        try:
            yield
        finally:
            ended.set()
            # Also when the block failed: that may have been because nobody was served.
            for one in speaking:
                one.result()
