"""Windows that go by quickly leave what the core would have left: the same facts at the same times, the same state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.backtest.again import Known, Walk, known
from controller.backtest.pages import Pages
from controller.backtest.policy import Policy
from controller.backtest.quick import scan
from controller.core.events import GateJudged, RolloutAborted, RolloutPromoted, StepStarted, WindowMeasured
from controller.core.evidence.memory import MemoryRules
from controller.core.evidence.rules import Metric
from controller.core.evidence.window import ArmCounts, Histogram, Window, bucket_of
from controller.core.gates import Gate, GateKind
from controller.core.plan import MEASURED, WATCHED, Plan, Step
from controller.core.readings import Footprint, MemorySource, Reading
from controller.core.stream import begin
from controller.journal.measured import Measured, Stretch
from controller.wire.codec import SCHEMA, event_body, event_from
from controller.wire.inbound import Input
from controller.wire.plans import LADDER
from tests.journal.messages import SERVICE, alert, installed, rolling

BEGAN_MS = 11_000
ROLLOUT = f"{SERVICE}-2"
LAB = Gate("lab", GateKind.HTTP, "http://lab/check")

ERRORS = replace(MEASURED, metrics=(Metric.ERRORS,))
WITH_SCORES = replace(MEASURED, metrics=(*MEASURED.metrics, Metric.MOS))

PLANS = {
    "careful": Plan("careful", (Step(500, 1200), Step(5000, 1200)), gates=WATCHED),
    "quick to blame": Plan(
        "quick to blame", (Step(500, 9000),), gates=WATCHED, rules=replace(MEASURED, alpha=0.05, least_gap=0.0)
    ),
    "ladder": Plan("ladder", LADDER, gates=WATCHED),
    "warm": Plan("warm", (Step(500, 300, warm_up_s=120), Step(5000, 900, warm_up_s=60)), gates=WATCHED),
    "mirror": Plan("mirror", (Step(0, 300, mirror_bp=2000), Step(500, 900)), gates=WATCHED),
    "memory": Plan(
        "memory", (Step(500, 3000),), gates=WATCHED[1:], memory=MemoryRules(10**9, growth=0.05, persist_s=30)
    ),
    "on trial": Plan("on trial", (Step(500, 3000),), gates=tuple(replace(gate, dry_run=True) for gate in WATCHED)),
    "errors alone": Plan(
        "errors alone",
        (Step(500, 600), Step(2500, 600)),
        gates=WATCHED,
        rules=replace(MEASURED, metrics=(Metric.ERRORS,)),
    ),
    "asks outside": Plan("asks outside", (Step(500, 900), Step(5000, 900)), gates=(*WATCHED, LAB)),
    "scores": Plan(
        "scores", (Step(500, 900),), gates=WATCHED, rules=replace(MEASURED, metrics=(*MEASURED.metrics, Metric.MOS))
    ),
}


@dataclass(frozen=True)
class World:
    """
    What is measured. rate: stable's requests in a window. failing, slower: the candidate after a quarter of them.

    leak_bytes: by which the candidate grows a window. gap: share of windows that are missing, blind, late or odd.
    """

    seed: int
    windows: int
    rate: int
    failing: float
    slower: float
    leak_bytes: int
    gap: float


def measured(world: World) -> list[Input | Measured]:
    """Return a service's messages: a release is installed, another rolled out and measured, and an alert ends it."""
    draw = np.random.default_rng(world.seed)
    found: list[Input | Measured] = [*installed(), *rolling("1.5.0")]
    at_ms = BEGAN_MS
    for number in range(world.windows):
        start_ms, at_ms = at_ms, at_ms + 10_000
        odd = draw.random() < world.gap
        what = draw.integers(7) if odd else -1
        if what == 0:
            at_ms += int(draw.integers(400_000))
            continue
        bad = number > world.windows // 4
        ours = arm(draw, world.rate // 10, world.failing if bad else 0.004, world.slower if bad else 1.0)
        theirs = arm(draw, 0 if what == 1 else world.rate, 0.004, 1.0)
        bytes = 900_000_000 + world.leak_bytes * number
        source = MemorySource.GPU if what == 2 else MemorySource.PROCESS
        event = WindowMeasured(
            actor="observer",
            reason='measured for "10" s',
            rollout=ROLLOUT if what != 3 else f"{SERVICE}-1",
            window=Window(start_ms - (20_000 if what == 4 else 0), at_ms, ours, theirs),
            memory=None if number % 7 == 0 else Footprint(bytes, 900_000_000, source),
            readings=(Reading("lab", outcome=None, reason="away"),) if what == 5 else (),
            blind="Prometheus does not answer" if what == 6 else "",
        )
        body = event_body(event)
        found.append(Measured(f"window/{number}", at_ms + int(draw.integers(3_000)), SCHEMA, body))
    return [*found, alert("1.5.0", at_ms + 60_000)]


def arm(draw: np.random.Generator, rate: int, failing: float, slower: float) -> ArmCounts:
    requests = int(draw.poisson(rate))
    failures = int(draw.binomial(requests, failing))
    blocks = requests // 5
    times = [histogram(draw, median * slower, requests - failures) for median in (0.4, 0.1, 0.05)]
    return ArmCounts(requests, failures, blocks, min(blocks, failures), *times)


def histogram(draw: np.random.Generator, median_s: float, size: int) -> Histogram:
    values = median_s * np.exp(0.3 * draw.standard_normal(size))
    buckets, counts = np.unique([bucket_of(float(value)) for value in values], return_counts=True)
    return tuple((int(bucket), int(count)) for bucket, count in zip(buckets, counts, strict=True))


def beforehand(messages: Sequence[Input | Measured]) -> Known:
    first = Walk(Known({}, {}), Policy(), begin(SERVICE))
    for one in messages[:4]:
        first.take(one)
    return known(first.facts)


def by_core(messages: Sequence[Input | Measured], plan: Plan) -> Walk:
    walk = Walk(beforehand(messages), Policy(plan), begin(SERVICE))
    for one in messages:
        walk.take(one)
    return walk


def quickly(messages: Sequence[Input | Measured], plan: Plan, page: int) -> Walk:
    walk = Walk(beforehand(messages), Policy(plan), begin(SERVICE))
    pages = Pages(walk)
    for number in range(0, len(messages), page):
        pages.take(together(messages[number : number + page]))
    pages.settle()
    return walk


def together(messages: Sequence[Input | Measured]) -> list[Input | Stretch]:
    """Return messages as the journal hands them over: windows in a row as one."""
    found: list[Input | Stretch] = []
    for windows, some in groupby(messages, lambda one: isinstance(one, Measured)):
        if windows:
            ids, sent_ms, _, bodies = zip(*(one for one in some if isinstance(one, Measured)), strict=True)
            found.append(Stretch(ids, sent_ms, SCHEMA, bodies))
        else:
            found += [one for one in some if isinstance(one, Input)]
    return found


def assert_alike(walk: Walk, other: Walk) -> None:
    """Every fact, its time, its position and its figures; the state to the last bit; what was counted."""
    assert walk.facts == other.facts
    assert walk.history == other.history
    assert walk.windows.keys() == other.windows.keys()
    for name, windows in walk.windows.items():
        assert windows.counts.tolist() == other.windows[name].counts.tolist()
        assert (windows.memory, windows.answered) == (other.windows[name].memory, other.windows[name].answered)


WORLDS = st.builds(
    World,
    seed=st.integers(0, 2**32 - 1),
    windows=st.integers(50, 500),
    rate=st.sampled_from((0, 8, 60, 400)),
    failing=st.sampled_from((0.004, 0.02, 0.3)),
    slower=st.sampled_from((1.0, 1.1, 2.0)),
    leak_bytes=st.sampled_from((0, 0, 200_000, 5_000_000)),
    gap=st.sampled_from((0.0, 0.0, 0.02, 0.2)),
)


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=5, deadline=None)
@given(world=WORLDS, page=st.sampled_from((40, 1000)))
@example(world=World(1, 300, 400, 0.004, 1.0, 0, 0.0), page=1000)
@example(world=World(2, 400, 400, 0.02, 1.1, 200_000, 0.02), page=1000)
def test_quick_is_what_the_core_would_have_come_to(name: str, world: World, page: int) -> None:
    """Whatever was measured, and by whatever plan: facts, times, figures and state are the same, bit for bit."""
    messages = measured(world)
    assert_alike(quickly(messages, PLANS[name], page), by_core(messages, PLANS[name]))


def test_verdicts_are_met() -> None:
    """The worlds above are not all quiet: candidates are taken back, promoted, and judged anew on the way."""
    kinds = set[type]()
    for failing, slower in ((0.004, 1.0), (0.3, 1.0), (0.004, 2.0)):
        messages = measured(World(1, 500, 400, failing, slower, 0, 0.0))
        for plan in (PLANS["careful"], PLANS["ladder"]):
            kinds |= {type(fact.event) for fact in quickly(messages, plan, 1000).facts}
    assert {GateJudged, RolloutAborted, RolloutPromoted, StepStarted} <= kinds


def test_windows_go_by_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a day that is quiet, the core decides a few windows in a thousand."""
    messages = measured(World(1, 3000, 100, 0.004, 1.0, 0, 0.0))
    decided: list[object] = []
    walk = Walk(beforehand(messages), Policy(Plan("day", (Step(500, 86_400),), gates=WATCHED)), begin(SERVICE))
    decide = walk.decide

    def noted(message: Input | Measured) -> None:
        decided.append(message)
        decide(message)

    monkeypatch.setattr(walk, "decide", noted)
    pages = Pages(walk)
    pages.take(together(messages))
    pages.settle()
    assert len(decided) < 60


def test_what_is_written_today_is_understood() -> None:
    """A window's text is read to the numbers that it says, without the wire's own reader."""
    windows = [one for one in measured(World(3, 20, 400, 0.1, 1.0, 1, 0.0)) if isinstance(one, Measured)]
    batch = scan.scan([one.body for one in windows])
    assert batch.plain.all()
    for number, one in enumerate(windows):
        event = event_from("WindowMeasured", one.schema, one.body)
        assert isinstance(event, WindowMeasured)
        window, counts = event.window, batch.numbers[number].tolist()
        assert (counts[scan.START_MS], counts[scan.END_MS]) == (window.start_ms, window.end_ms)
        for arm, at, of in ((window.candidate, scan.CANDIDATE, 0), (window.stable, scan.STABLE, 3)):
            assert counts[at : at + 4] == [arm.blocks, arm.failed_blocks, arm.failures, arm.requests]
            assert [batch.histogram(number, of + one) for one in range(3)] == [arm.latency, arm.rtf, arm.ttfa]
        assert batch.name(number) == ROLLOUT.encode()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda body: body.replace('"window"', '"windows"'),
        lambda body: body.replace(',"mos":[]', ',"mos":[0.5]'),
        lambda body: body.replace('"blind":""', '"blind":"no"'),
        lambda body: body.replace("[[", "[[1.5,"),
        lambda body: body[:-1],
        lambda body: body + " ",
        lambda body: body.replace('"requests":', '"requests":1234567890123456789012'),
        lambda body: "",
    ],
)
def test_what_is_written_otherwise_is_left_to_the_core(wrong: Callable[[str], str]) -> None:
    """Text that says more, or says it in another way, is not guessed at; its neighbours are read all the same."""
    one, other = [one.body for one in measured(World(3, 2, 400, 0.1, 1.0, 1, 0.0)) if isinstance(one, Measured)]
    batch = scan.scan([one, wrong(one), other])
    assert batch.plain.tolist() == [True, False, True]
    alone = scan.scan([one, other])
    assert batch.histogram(2, 5) == alone.histogram(1, 5)
    assert batch.numbers[2].tolist() == alone.numbers[1].tolist()
