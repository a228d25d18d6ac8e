"""Recorded messages decided again: the same plan gives the same facts, another plan says what would have happened."""

from dataclasses import replace

from controller.backtest import backtest, decide_again
from controller.core.commands import TimerKind
from controller.core.events import WindowMeasured
from controller.core.gates import Gate, GateKind
from controller.core.plan import Plan, Step, Until
from controller.core.stream import Fact
from controller.handle import handle
from controller.journal import Store
from controller.journal.facts import facts
from controller.journal.inputs import inputs
from controller.wire.inbound import Input
from tests.journal.messages import SERVICE, alert, applied
from tests.journal.test_measured import PLAN, elapse, measured, watched


async def record(store: Store) -> tuple[list[Input], list[Fact]]:
    """Live through a rollout that evidence takes back in its second step, and return what the store kept of it."""
    await handle(store, [*watched(), measured(1), measured(2), applied(2, 32_000)])
    await elapse(store, TimerKind.HOLD, 32_500)
    await handle(store, [measured(number, failures=25) for number in range(3, 8)])
    await handle(store, [alert("1.5.0", 100_000)])
    messages = [one async for one in inputs(store, SERVICE)]
    # The store has kept the request with a plan by name; the walk by evidence is the test's own.
    messages = [replace(one, command=again.command) for one, again in zip(messages, _asked(messages), strict=True)]
    return messages, [fact async for fact in facts(store, SERVICE)]


def _asked(messages: list[Input]) -> list[Input]:
    planned = {one.id: one for one in watched()}
    return [planned.get(one.id, one) for one in messages]


async def test_same_plan_gives_the_same_history(store: Store) -> None:
    """Deciding the recorded messages again gives the recorded facts, event by event."""
    messages, recorded = await record(store)
    again = decide_again(messages, recorded, None)
    assert [_told(fact) for fact in again] == [_told(fact) for fact in recorded]


def _told(fact: Fact) -> tuple[str, str, int]:
    return type(fact.event).__name__, fact.event.rollout, fact.position


async def test_blind_plan_would_have_gone_on(store: Store) -> None:
    """A plan that asks no gate would have promoted the release that evidence took back."""
    messages, recorded = await record(store)
    clock = Plan("clock", (Step(500, 10), Step(5000, 10)))
    _, compared = backtest(messages, recorded, clock)
    assert (compared.happened.outcome, compared.happened.most_bp) == ("aborted", 5000)
    assert compared.would_have is not None
    # The alert that came afterwards found it promoted, and reverted that.
    assert compared.would_have.outcome == "reverted"
    assert "it would have had all traffic" in compared.unknown


async def test_more_traffic_than_recorded_is_said_to_be_unknown(store: Store) -> None:
    """What a bigger share would have shown is not on record, and the comparison says so."""
    messages, recorded = await record(store)
    _, compared = backtest(messages, recorded, Plan("bold", (Step(9000, 3600),), gates=PLAN.gates))
    assert "not on record" in compared.unknown


async def test_same_plan_leaves_nothing_unknown(store: Store) -> None:
    """Under the plan that it was walked by, a rollout goes as it went, by the same names."""
    messages, recorded = await record(store)
    for compared in backtest(messages, recorded, PLAN):
        assert compared.would_have == compared.happened
        assert compared.unknown == ""


async def test_answers_that_nobody_gave_are_said_to_be_unknown(store: Store) -> None:
    """A gate that was not asked then, or proof where nothing was measured, cannot be made up."""
    messages, recorded = await record(store)
    lab = Gate("lab", GateKind.HTTP, "http://lab/check")
    _, compared = backtest(messages, recorded, Plan("lab", (Step(500, 10),), gates=(lab, *PLAN.gates)))
    assert compared.unknown == "no answer of lab is on record"
    unmeasured = [fact for fact in recorded if not isinstance(fact.event, WindowMeasured)]
    _, compared = backtest(messages, unmeasured, Plan("proof", (Step(500, 10, Until.EVIDENCE),), gates=(lab,)))
    assert compared.unknown == "no answer of lab or evidence is on record"


async def test_what_comes_after_the_end_is_said_to_be_unknown(store: Store) -> None:
    """Nobody can say how a candidate would have done at a time at which it was gone already."""
    messages, recorded = await record(store)
    _, compared = backtest(messages, recorded, Plan("slow", (Step(500, 3600),)))
    assert compared.would_have is not None
    # The alert came when it was gone.
    assert (compared.would_have.outcome, compared.would_have.ended_ms) == ("aborted", 100_000)
    assert compared.unknown == "it was over before (aborted): what it would have shown later is not on record"
