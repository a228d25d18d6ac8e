"""A rollout that is walked by measurements: what stores keep of it, and that a replay gives the same bytes."""

import json
from dataclasses import replace

from controller.core.commands import ElapseTimer, RequestRollout, TimerKind
from controller.core.events import GateJudged, RolloutAborted, WindowMeasured
from controller.core.plan import WATCHED, Plan, Step
from controller.core.state import timers
from controller.core.stream import begin, fold
from controller.handle import handle
from controller.journal import Store, tables, views
from controller.journal.facts import latest, told
from controller.journal.rebuild import rebuild
from controller.replay import Until, fingerprint, replay_sql
from controller.wire.inbound import Input
from controller.wire.messages import MessageType
from tests.journal.messages import SERVICE, installed, message, ready, requested
from tests.journal.sight import READ_TABLES, rows, sight

PLAN = Plan("watched", (Step(500, 20), Step(5000, 20)), gates=WATCHED[:1])
BEGAN_MS = 11_000


def counted(failures: int) -> dict[str, object]:
    """Return an arm's ten seconds: 500 requests, of which some failed."""
    spoken = {name: [[-33, 300], [-30, 150], [-10, 50 - failures]] for name in ("latency", "ttfa", "rtf")}
    return {"requests": 500, "failures": failures, "blocks": 50, "failed_blocks": failures, **spoken}


def measured(number: int, failures: int = 1, rollout: str = "hibari-2") -> Input:
    """The ten seconds that end `number` times ten seconds after the first step began."""
    end_ms = BEGAN_MS + number * 10_000
    data = {
        "rollout": rollout,
        "start_ms": end_ms - 10_000,
        "end_ms": end_ms,
        "candidate": counted(failures),
        "stable": counted(1),
    }
    return message(MessageType.WINDOW, f"window/{rollout}/{end_ms}", end_ms + 1_000, data)


def watched() -> list[Input]:
    """Return the messages after which 1.5.0 stands in the first step of a plan that asks for evidence."""
    asked = requested("1.5.0", 10_000)
    assert isinstance(asked.command, RequestRollout)
    return [*installed(), replace(asked, command=replace(asked.command, plan=PLAN)), ready("1.5.0", BEGAN_MS)]


async def elapse(store: Store, kind: TimerKind, at_ms: int) -> None:
    """Let the service's timer of this kind come due."""
    found = await views.service(store, SERVICE)
    assert found is not None
    (epoch,) = (timer.epoch for timer in timers(found.state) if timer.kind is kind)
    one = message(MessageType.ELAPSED, f"timer/{kind}/{epoch}", at_ms, {"kind": kind.value, "epoch": epoch})
    assert isinstance(one.command, ElapseTimer)
    await handle(store, [one])


async def test_step_taken_back_is_entered_again(store: Store) -> None:
    """A rollout that goes blind takes a step back; the table of steps has every entry, and can be made anew."""
    await handle(store, [*watched(), measured(1), measured(2)])
    await elapse(store, TimerKind.HOLD, 32_000)
    await elapse(store, TimerKind.BLIND, 400_000)
    rollout = await views.rollout(store, "hibari-2")
    assert rollout is not None
    assert [(step.step, step.weight_bp, step.due_at) for step in rollout.steps] == [
        (0, 500, 31_000),
        (1, 5000, 52_000),
        (0, 500, 420_000),
    ]
    before = await sight(store, *READ_TABLES, tables.timers)
    await rebuild(store)
    assert await sight(store, *READ_TABLES, tables.timers) == before


async def test_evidence_is_folded_alike_by_store_and_replay(store: Store) -> None:
    """The state with all its evidence follows from the facts alone, byte for byte, and so does what it proves."""
    for number in range(1, 6):
        await handle(store, [measured(number)] if number > 1 else [*watched(), measured(1)])
    live = await views.service(store, SERVICE)
    assert live is not None
    assert live.state.rollout is not None
    assert live.state.rollout.evidence is not None
    assert fingerprint((await replay_sql(store))[SERVICE]).position == live.position
    assert (await replay_sql(store))[SERVICE].state == live.state
    done = await handle(store, [measured(number, failures=25) for number in range(6, 12)])
    (condemned,) = [f.event for f in done.facts if isinstance(f.event, GateJudged) and f.event.outcome == "fail"]
    assert condemned.guilty
    (row,) = [row for row in await rows(store, tables.rollouts) if row["rollout"] == "hibari-2"]
    assert (row["status"], row["trigger"]) == ("aborted", "evidence")


async def test_people_are_told_of_what_windows_led_to(store: Store) -> None:
    """The last facts, and a history for people, leave out the windows themselves."""
    await handle(store, [*watched(), *(measured(number) for number in range(1, 6))])
    assert [one.type for one in await latest(store, SERVICE, 3)] == ["StepStarted", "RouteSet", "GateJudged"]
    every, for_people = await views.history(store, SERVICE), await told(store, SERVICE)
    assert [one for one in every if one.type != "WindowMeasured"] == for_people
    assert len(every) == len(for_people) + 5


async def test_verdicts_stand_in_a_table_with_their_figures(store: Store) -> None:
    """An auditor asks in SQL what each gate said, by which figures, and who was guilty; a rebuild gives the same."""
    await handle(store, [*watched(), *(measured(number, failures=25) for number in range(1, 8))])
    *_, verdict = await rows(store, tables.verdicts)
    assert (verdict["service"], verdict["rollout"], verdict["gate"]) == (SERVICE, "hibari-2", "evidence")
    assert (verdict["outcome"], verdict["dry_run"]) == ("fail", False)
    assert "errors" in json.loads(verdict["guilty"])
    figures = {figure["name"]: figure for figure in json.loads(verdict["figures"])}
    assert figures["errors"]["samples"] > 0
    before = await sight(store, *READ_TABLES)
    await rebuild(store)
    assert await sight(store, *READ_TABLES) == before


async def test_a_rollout_that_waits_says_so(store: Store) -> None:
    """The table of rollouts tells one that waits from one whose hold runs."""
    await handle(store, [*watched(), measured(1)])
    await elapse(store, TimerKind.HOLD, 90_000)
    (row,) = [row for row in await rows(store, tables.rollouts) if row["rollout"] == "hibari-2"]
    assert (row["status"], row["step"], row["weight_bp"]) == ("waiting", 0, 500)


async def test_window_that_comes_twice_is_quiet(store: Store) -> None:
    """Two observers measure the same window under one name; it counts once."""
    await handle(store, [*watched(), measured(1)])
    assert (await handle(store, [measured(1)])).facts == ()


async def test_a_replay_of_a_measured_rollout_gives_what_was_so_at_every_fact(store: Store) -> None:
    """While it is watched, when it is taken back and when the next one is measured: equal bytes at each of them."""
    await handle(store, [*watched(), *(measured(number) for number in range(1, 4))])
    await handle(store, [measured(number, failures=25) for number in range(4, 12)])
    await handle(store, [requested("1.6.0", 200_000), ready("1.6.0", 210_000)])
    await handle(store, [measured(number, rollout="hibari-3") for number in range(21, 24)])
    recorded = [fact async for fact in views.facts(store, SERVICE)]
    assert {RolloutAborted, WindowMeasured} <= {type(fact.event) for fact in recorded}
    assert isinstance(recorded[-1].event, WindowMeasured)
    at_every_fact = begin(SERVICE)
    for fact in recorded:
        at_every_fact = fold(at_every_fact, [fact])
        assert (await replay_sql(store, SERVICE, Until(position=fact.position)))[SERVICE] == at_every_fact
    for at_ms in {fact.at_ms for fact in recorded}:
        then = fold(begin(SERVICE), [fact for fact in recorded if fact.at_ms <= at_ms])
        assert (await replay_sql(store, until=Until(at_ms=at_ms)))[SERVICE] == then
