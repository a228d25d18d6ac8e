"""Recorded messages decided again: the same plan gives the same facts, another one says what would have happened."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from controller.backtest.again import Walk
from controller.backtest.again import measured as window_of
from controller.backtest.compare import Compared, backtest
from controller.backtest.exposure import Exposure
from controller.backtest.policy import Policy
from controller.backtest.recorded import read_record
from controller.backtest.summary import Change, change, summed
from controller.core.commands import TimerKind
from controller.core.events import WindowMeasured
from controller.core.gates import Gate, GateKind
from controller.core.plan import AlertAction, AlertPolicy, AlertRule, Plan, Step, Until
from controller.core.stream import Fact
from controller.handle import handle
from controller.journal import Store, tables
from controller.journal.facts import facts
from controller.journal.measured import PLACES, Stretch, messages
from controller.wire.messages import MessageType
from tests.journal.messages import SERVICE, alert, applied, installed, message, requested, rolling
from tests.journal.sight import sight
from tests.journal.test_measured import PLAN, elapse, measured, watched
from tests.journal.test_search import Explained

DEAF = AlertPolicy(())
HOLDING = AlertPolicy((AlertRule("severity", "critical", AlertAction.HOLD),))


@pytest.fixture
async def lived(store: Store) -> Store:
    """A store whose service had a rollout that evidence took back in its second step, and an alert after that."""
    await handle(store, [*watched(), measured(1), measured(2), applied(2, 32_000)])
    await elapse(store, TimerKind.HOLD, 32_500)
    await handle(store, [measured(number, failures=25) for number in range(3, 8)])
    await handle(store, [alert("1.5.0", 100_000)])
    return store


async def second(store: Store, policy: Policy) -> Compared:
    """Return what becomes of the second rollout."""
    _, compared = await backtest(store, SERVICE, policy)
    return compared


async def test_same_plan_gives_the_same_history(lived: Store) -> None:
    """Deciding the recorded messages again gives the recorded facts, event by event."""
    record = await read_record(lived, SERVICE)
    walk = Walk(record.known, Policy(), record.before)
    async for page in messages(lived, SERVICE, record.position):
        for one in page:
            for input in one.each() if isinstance(one, Stretch) else (one,):
                walk.take(input)
    recorded = [fact async for fact in facts(lived, SERVICE)]
    assert _told(walk.facts) == _told(fact for fact in recorded if not isinstance(fact.event, WindowMeasured))
    assert walk.history.position == recorded[-1].position


async def test_windows_in_a_row_come_together(lived: Store) -> None:
    """Windows that nothing came between are one stretch; other messages stand where they came."""
    page = [one async for page in messages(lived, SERVICE, -1) for one in page]
    recorded = [fact async for fact in facts(lived, SERVICE) if isinstance(fact.event, WindowMeasured)]
    stretches = [one for one in page if isinstance(one, Stretch)]
    assert [len(one) for one in stretches] == [2, 2]
    windows = [window for one in stretches for window in one.each()]
    assert [(one.id, window_of(one)) for one in windows] == [(fact.cause, fact.event) for fact in recorded]
    first, second = (page.index(one) for one in stretches)
    assert 0 < first < second < len(page) - 1


async def test_where_messages_stand_is_read_in_the_index_alone(lived: Store, kind: str) -> None:
    """Of thousands of windows only the journal's rows are read, never those of the messages that brought them."""

    def plan(connection: Connection) -> str:
        if kind == "postgresql":
            # Of a few rows all are walked gladly; so, only where there is no other way.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        values = {"service": SERVICE, "after": 0, "position": -1, "limit": 1000}
        return "\n".join(str(row) for row in connection.execute(Explained(PLACES), values))

    told = await lived.read(plan)
    assert "inbox_places" in told
    assert ("COVERING INDEX" if kind == "sqlite" else "Index Only Scan") in told


def _told(facts: Iterable[Fact]) -> list[tuple[object, int, str, int]]:
    return [(fact.event, fact.at_ms, fact.cause, fact.position) for fact in facts]


async def test_blind_plan_would_have_gone_on(lived: Store) -> None:
    """A plan that asks no gate would have promoted the release that evidence took back."""
    compared = await second(lived, Policy(Plan("clock", (Step(500, 10), Step(5000, 10)))))
    assert (compared.happened.outcome, compared.happened.most_bp) == ("aborted", 5000)
    assert compared.would_have is not None
    # The alert that came afterwards found it promoted, and reverted that.
    assert compared.would_have.outcome == "reverted"
    assert "it would have had all traffic" in compared.unknown
    assert change(compared) is Change.UNKNOWN


async def test_more_traffic_than_recorded_is_said_to_be_unknown(lived: Store) -> None:
    """What a bigger share would have shown is not on record, and the comparison says so."""
    compared = await second(lived, Policy(Plan("bold", (Step(9000, 3600),), gates=PLAN.gates)))
    assert "not on record" in compared.unknown


async def test_same_plan_leaves_nothing_unknown(lived: Store) -> None:
    """Under the plan that it was walked by, a rollout goes as it went, by the same names, and reaches as many."""
    found = await backtest(lived, SERVICE, Policy(PLAN))
    for compared in found:
        assert compared.would_have == compared.happened
        assert compared.unknown == ""
        assert compared.reached == compared.would_reach
    summary = summed(found)
    assert (summary.rollouts, summary.same) == (2, 2)
    assert (summary.requests_saved, summary.requests_added, summary.saved_ms, summary.added_ms) == (0, 0, 0, 0)


async def test_answers_that_nobody_gave_are_said_to_be_unknown(lived: Store) -> None:
    """A gate that was not asked then cannot be made up."""
    lab = Gate("lab", GateKind.HTTP, "http://lab/check")
    compared = await second(lived, Policy(Plan("lab", (Step(500, 10),), gates=(lab, *PLAN.gates))))
    assert compared.unknown == "no answer of lab is on record"


async def test_proof_is_unknown_where_nothing_was_measured(store: Store) -> None:
    """A ladder that waits for evidence cannot be climbed on a record without windows."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000)])
    lab = Gate("lab", GateKind.HTTP, "http://lab/check")
    proven = Plan("proof", (Step(500, 2, Until.EVIDENCE, ceiling_s=3),), gates=(lab,))
    compared = await second(store, Policy(proven))
    assert compared.unknown == "no answer of lab or evidence is on record"


async def test_what_comes_after_the_end_is_said_to_be_unknown(lived: Store) -> None:
    """Nobody can say how a candidate would have done at a time at which it was gone already."""
    compared = await second(lived, Policy(Plan("slow", (Step(500, 3600),))))
    assert compared.would_have is not None
    # The alert came when it was gone.
    assert (compared.would_have.outcome, compared.would_have.ended_ms) == ("aborted", 100_000)
    assert compared.unknown == "it was over before (aborted): what it would have shown later is not on record"


async def test_smaller_share_would_have_reached_fewer(lived: Store) -> None:
    """Requests that windows counted are scaled by the share that the plan would have given, window by window."""
    small = replace(PLAN, steps=(Step(500, 20), Step(2500, 20)))
    compared = await second(lived, Policy(small))
    assert compared.unknown == ""
    assert compared.would_have is not None
    assert compared.would_have.ended_ms == compared.happened.ended_ms
    # Two windows ended while it had 5 %; of those at half of 50 %, half of the requests.
    assert compared.reached is not None
    assert compared.would_reach is not None
    early, late = 2 * 500, compared.reached.requests - 2 * 500
    assert late > 0
    assert compared.would_reach.requests == early + late // 2
    assert compared.would_reach.lasted_ms == compared.reached.lasted_ms
    summary = summed([compared])
    assert (summary.requests_saved, summary.requests_added) == (late // 2, 0)


async def test_time_that_nobody_counted_is_told(store: Store) -> None:
    """Without windows the time with users is known, and the number of their requests is said to be not."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000)])
    compared = await second(store, Policy(Plan("late", (Step(0, 2), Step(500, 60)), gates=())))
    assert compared.reached == Exposure(lasted_ms=4_000, requests=0, uncounted_ms=4_000)
    assert compared.would_reach == Exposure(lasted_ms=2_000, requests=0, uncounted_ms=2_000)
    assert (summed([compared]).saved_ms, summed([compared]).uncounted_ms) == (2_000, 2_000)


async def test_other_alert_policy_is_tried_on_the_plan_that_it_had(store: Store) -> None:
    """An alert that took a release back would have been told only, or held it; all else is decided as it was."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000), *rolling("1.6.0", 60_000)])
    _, deaf, _ = await backtest(store, SERVICE, Policy(alerts=DEAF))
    assert (deaf.happened.outcome, deaf.happened.ended_ms) == ("aborted", 15_000)
    assert deaf.would_have is not None
    # The plan that it had: 5 % for ten seconds, 50 % for twenty.
    assert (deaf.would_have.outcome, deaf.would_have.ended_ms, deaf.would_have.most_bp) == ("promoted", 41_000, 5000)
    _, held, _ = await backtest(store, SERVICE, Policy(alerts=HOLDING))
    assert held.would_have is not None
    assert (held.would_have.outcome, held.would_have.ended_ms) == ("superseded", 60_000)
    # Still on the way when the next one was requested, and paused; that is where the record ends for it.
    assert held.unknown.startswith("it was over before (aborted)")


async def test_words_about_a_rollout_find_it_under_another_number(store: Store) -> None:
    """Where a request that was refused would have been followed, later rollouts count on, and their news reach them."""
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000), requested("1.5.0", 20_000)])
    of_three = {"ensemble": "hibari__1.6.0", "rollout": "hibari-3"}
    loaded = {**of_three, "load_s": 1.5, "probe_latency_s": 0.25, "probe_audio_s": 2.0}
    await handle(store, [requested("1.6.0", 60_000), message(MessageType.READY, "ready", 61_000, loaded)])
    forgiving = Policy(Plan("forgiving", (Step(500, 600),), gates=(), quarantine=False))
    *_, last, _ = await backtest(store, SERVICE, forgiving)
    assert last.happened.rollout == "hibari-3"
    assert last.would_have is not None
    assert (last.would_have.rollout, last.would_have.most_bp) == ("hibari-4", 500)


async def test_only_what_began_since_is_decided_again(lived: Store) -> None:
    """What went before a time is taken as it was, whatever the plan; what follows stands on it."""
    await handle(lived, [*rolling("1.6.0", 200_000), alert("1.6.0", 203_000)])
    at_once = Policy(Plan("at-once", (), gates=()))
    (third,) = await backtest(lived, SERVICE, at_once, since_ms=150_000)
    assert (third.happened.rollout, third.happened.outcome) == ("hibari-3", "aborted")
    assert third.would_have is not None
    assert (third.would_have.rollout, third.would_have.outcome) == ("hibari-3", "reverted")
    assert third.would_have.ended_ms == 203_000
    *_, all_along = await backtest(lived, SERVICE, at_once)
    assert all_along == third
    assert await backtest(lived, SERVICE, at_once, since_ms=250_000) == ()


async def test_nothing_is_written(lived: Store) -> None:
    """Every table stands as it stood, whatever is tried."""
    before = await sight(lived, *tables.metadata.sorted_tables)
    await backtest(lived, SERVICE, Policy(Plan("at-once", ()), DEAF))
    assert await sight(lived, *tables.metadata.sorted_tables) == before
