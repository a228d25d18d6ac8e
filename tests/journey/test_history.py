"""The journal over the years: read by code that is newer than it, and by somebody who trusts nobody."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from controller.core.commands import TimerKind
from controller.core.state import table, timers
from controller.core.stream import Fact, History, begin, fold
from controller.handle import handle
from controller.journal import open_store, tables, views
from controller.outside.kafka import ensure_topics
from controller.replay import fingerprint
from controller.wire.codec import fact_from_message, state_json, table_from
from controller.wire.messages import MessageType
from controller.wire.strict import canonical
from controller.wire.topics import Topic, topic_name
from tests.cli.segue import Segue
from tests.journal.messages import alert, message
from tests.journey.asking import segue
from tests.journey.sql import another_database, tampered
from tests.journey.tale import sentence
from tests.journey.test_alerts import returned_by_alert
from tests.journey.test_replay import replay
from tests.journey.world import Tale, World

RECORDED = Path(__file__).parents[1] / "histories" / "0.1.0"
"""
What Segue 0.1.0 wrote: facts.jsonl as published on rollout.journal, states.jsonl and tables.jsonl, one service a line.

Three services with a rollout that was promoted and reverted, one that was overridden, superseded, taken back, one that
is still running, and a message that could not be read.
"""


def lines(name: str) -> list[bytes]:
    """Return the lines of a recorded file."""
    return (RECORDED / name).read_bytes().splitlines()


def row(fact: Mapping[str, object]) -> dict[str, object]:
    """Return a recorded fact as the row that Segue 0.1.0 had of it."""
    event = fact["event"]
    assert isinstance(event, dict)
    own = {name: fact[name] for name in ("position", "type", "schema", "at_ms", "cause", "prev_hash", "hash")}
    said = {name: event[name] for name in ("actor", "reason", "rollout")}
    times = {"occurred_at": fact["at_ms"], "recorded_at": fact["at_ms"]}
    stream = {"stream": fact["service"], "id": f"{fact['service']}/{fact['position']}"}
    return {**own, **said, **times, **stream, "body": canonical(event)}


async def keep(url: str, rows: list[dict[str, object]]) -> None:
    """Put recorded rows into a journal."""
    store = await open_store(url)
    await store.write(lambda connection: connection.execute(tables.journal.insert(), rows))
    await store.close()


async def go_on(url: str) -> list[Fact]:
    """Let the hold of the rollout that is still running end, and then an alert about it come."""
    store = await open_store(url)
    service = await views.service(store, "late-voice")
    assert service is not None
    (hold,) = [timer.epoch for timer in timers(service.state) if timer.kind is TimerKind.HOLD]
    elapsed = message(MessageType.ELAPSED, "hold", 50_000, {"kind": "hold", "epoch": hold}, "late-voice")
    handled = await handle(store, [elapsed, alert("1.5.0", 51_000, service="late-voice")])
    await store.close()
    return list(handled.facts)


def holds(then: object, now: object) -> bool:
    """Say whether everything that a state said then is so now; what it could not yet say may have come to it."""
    if isinstance(then, dict) and isinstance(now, dict):
        return all(name in now and holds(value, now[name]) for name, value in then.items())
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(holds, then, now))
    return then == now


def test_old_journal_replays_on_new_code(world: World, tmp_path: Path) -> None:
    """Given a journal that 0.1.0 wrote, today's code gives the states and tables of then, and goes on from there."""
    facts = [json.loads(line)["data"] for line in lines("facts.jsonl")]
    histories: dict[str, History] = {}
    for line in lines("facts.jsonl"):
        fact, _, _ = fact_from_message(line)
        histories[fact.stream] = fold(histories.get(fact.stream) or begin(fact.stream), [fact])
    for state in map(json.loads, lines("states.jsonl")):
        assert holds(state, json.loads(state_json(histories[state["service"]].state)))
    recorded = {recorded.service: recorded for recorded in map(table_from, lines("tables.jsonl"))}
    assert {name: table(history.state) for name, history in histories.items()} == recorded
    expected = {name: asdict(fingerprint(history)) for name, history in histories.items()}
    prefix = f"{world.store}-of-0.1.0."
    with another_database(world, tmp_path, "segue_0_1_0") as url:
        command = Segue({**segue(world).env, "SEGUE_DATABASE_URL": url, "SEGUE_TOPIC_PREFIX": prefix})
        command.json("db", "upgrade")
        asyncio.run(keep(url, [row(fact) for fact in facts]))
        assert command.json("db", "rebuild") == {"facts": len(facts)}
        from_sql = command.json("replay", "--from", "sql", "--check")
        assert from_sql == {"services": expected, "differing": []}

        ensure_topics(world.tree.kafka, prefix)
        for line, fact in zip(lines("facts.jsonl"), facts, strict=True):
            world.producer.send(topic_name(Topic.JOURNAL, prefix), key=fact["service"].encode(), value=line)
        world.producer.flush()
        assert command.json("replay", "--from", "kafka", "--check") == from_sql

        followed = asyncio.run(go_on(url))
        assert [sentence(fact.event) for fact in followed] == [
            "StepStarted 1 5000",
            "RouteSet 3 stable=1.4.0:5000 candidate=1.5.0:5000",
            "AlertMatched SpeechErrors 1.5.0 rollback",
            "RolloutAborted alert 1.5.0 back to 1.4.0",
            "RouteSet 4 stable=1.4.0:10000",
            "ReleaseQuarantined 1.5.0",
        ]
        assert followed[0].position == histories["late-voice"].position + 1
        assert command.json("db", "verify") == {"streams": 3, "facts": len(facts) + 6}


def test_tampered_journal_is_detected(tale: Tale) -> None:
    """Given a fact that somebody rewrote in the database, replay and audit name it; its copy in Kafka is untouched."""
    facts = returned_by_alert(tale)
    command = segue(tale.world)
    (place,) = [fact.position for fact in tale.facts() if sentence(fact.event).startswith("RolloutAborted")]
    with tampered(tale.world, tale.service, place, '"trigger":"alert"', '"trigger":"order"'):
        for verb in (("replay", "--from", "sql"), ("db", "verify")):
            found = command(*verb)
            assert found.code == 1
            assert f"fact {tale.service}/{place} " in found.err
            assert "is not what was written: its content has the hash" in found.err
            assert "restore the database from a backup" in found.err
        untouched = replay(tale, "kafka")
    assert replay(tale, "sql")["state_sha256"] == untouched["state_sha256"]
    assert tale.sentences() == facts
    assert tale.table() == ["stable=1.4.0:10000"]
