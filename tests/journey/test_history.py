"""The journal over the years: read by code that is newer than it, and by somebody who trusts nobody."""

import asyncio
import json
from pathlib import Path

from controller.core.commands import TimerKind
from controller.core.state import State, table, timers
from controller.core.stream import Fact
from controller.handle import handle
from controller.journal import open_store, tables, views
from controller.outside.kafka import ensure_topics
from controller.wire.codec import state_json, table_from
from controller.wire.messages import MessageType
from controller.wire.topics import Topic, topic_name
from tests.cli.segue import Segue
from tests.histories import journal_rows, lines, states, still_says
from tests.journal.messages import alert, message
from tests.journey.asking import segue
from tests.journey.sql import another_database, tampered
from tests.journey.tale import sentence
from tests.journey.test_alerts import returned_by_alert
from tests.journey.test_replay import replay
from tests.journey.world import Tale, World


async def keep(url: str) -> None:
    """Put the recorded facts into a journal."""
    store = await open_store(url)
    await store.write(lambda connection: connection.execute(tables.journal.insert(), journal_rows()))
    await store.close()


async def live(url: str) -> dict[str, State]:
    """Return the live state of every service."""
    store = await open_store(url)
    services = await views.services(store)
    await store.close()
    return {one.service: one.state for one in services}


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


def test_old_journal_replays_on_new_code(world: World, tmp_path: Path) -> None:
    """Given a journal that 0.1.0 wrote, today's code gives the states and tables of then, and goes on from there."""
    facts = len(lines("facts.jsonl"))
    prefix = f"{world.store}-of-0.1.0."
    with another_database(world, tmp_path, "segue_0_1_0") as url:
        command = Segue({**segue(world).env, "SEGUE_DATABASE_URL": url, "SEGUE_TOPIC_PREFIX": prefix})
        command.json("db", "upgrade")
        asyncio.run(keep(url))
        assert command.json("db", "rebuild")["facts"] == facts
        found = asyncio.run(live(url))
        assert still_says(states(), {name: json.loads(state_json(state)) for name, state in found.items()})
        assert [table(state) for state in found.values()] == [table_from(line) for line in lines("tables.jsonl")]
        from_sql = command.json("replay", "--from", "sql", "--check")
        assert (sorted(from_sql["services"]), from_sql["differing"]) == (sorted(states()), {})

        ensure_topics(world.tree.kafka, prefix)
        for line in lines("facts.jsonl"):
            key = json.loads(line)["subject"].encode()
            world.producer.send(topic_name(Topic.JOURNAL, prefix), key=key, value=line)
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
        assert followed[0].position == from_sql["services"]["late-voice"]["position"] + 1
        verified = command.json("db", "verify")
        assert (verified["streams"], verified["sql_facts"], verified["findings"]) == (3, facts + 6, [])


def test_tampered_journal_is_detected(tale: Tale) -> None:
    """Given a fact that somebody rewrote in the database, replay and audit name it; its copy in Kafka is untouched."""
    facts = returned_by_alert(tale)
    command = segue(tale.world)
    (place,) = [fact.position for fact in tale.facts() if sentence(fact.event).startswith("RolloutAborted")]
    with tampered(tale.world, tale.service, place, '"trigger":"alert"', '"trigger":"order"'):
        found = command("replay", "--from", "sql")
        assert found.code == 1
        assert f"fact {tale.service}/{place} " in found.err
        assert "is not what was written: its content has the hash" in found.err
        assert "restore the database from a backup" in found.err
        for verb in (("db", "verify"), ("verify",)):
            found = command(*verb)
            assert found.code == 1
            assert f"{tale.service}/{place} in sql is changed: its content has the hash" in found.out
        untouched = replay(tale, "kafka")
    assert replay(tale, "sql")["state_sha256"] == untouched["state_sha256"]
    assert tale.sentences() == facts
    assert tale.table() == ["stable=1.4.0:10000"]
