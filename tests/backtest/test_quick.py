"""Windows that go by quickly leave what the core would have left: the same facts at the same times, the same state."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.backtest.again import Known, Walk, known
from controller.backtest.pages import Pages
from controller.backtest.policy import Policy
from controller.core.events import GateJudged, GuardWindowEnded, RolloutAborted, RolloutPromoted, StepStarted
from controller.core.evidence.memory import MemoryRules
from controller.core.evidence.rules import Metric
from controller.core.gates import Gate, GateKind
from controller.core.plan import MEASURED, WATCHED, Plan, Step
from controller.core.stream import begin
from controller.journal.measured import Measured, Stretch
from controller.wire.codec import SCHEMA
from controller.wire.inbound import Input
from controller.wire.plans import LADDER
from tests.backtest.worlds import World, measured
from tests.journal.messages import SERVICE

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
            found.append(Stretch(ids, sent_ms, SCHEMA, [body.encode() for body in bodies]))
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


def test_what_comes_due_while_nothing_is_tried_any_more_comes_due() -> None:
    """Where another plan was done sooner and the record ends among windows, the guard still ends when it ends."""
    *messages, _alert = measured(World(1, 200, 60, 0.004, 1.0, 0, 0.0))
    soon = Plan("soon", (Step(500, 300),), gates=(), guard_s=600)
    walk = quickly(messages, soon, 1000)
    assert_alike(walk, by_core(messages, soon))
    assert any(isinstance(fact.event, GuardWindowEnded) for fact in walk.facts)


def test_verdicts_are_met() -> None:
    """The worlds above are not all quiet: candidates are taken back, promoted, and judged anew on the way."""
    kinds = set[type]()
    for failing, slower in ((0.004, 1.0), (0.3, 1.0), (0.004, 2.0)):
        messages = measured(World(1, 500, 400, failing, slower, 0, 0.0))
        for plan in (PLANS["careful"], PLANS["ladder"]):
            kinds |= {type(fact.event) for fact in quickly(messages, plan, 1000).facts}
    assert {GateJudged, RolloutAborted, RolloutPromoted, StepStarted} <= kinds


def test_windows_go_by_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a day that is quiet, the core decides a few windows."""
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
    assert len(decided) < 20
