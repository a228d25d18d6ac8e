"""Outbox to Kafka: everything that was committed, in order per service, whatever happens to relay and broker."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest

from consumers.worker import Readiness
from controller.handle import handle
from controller.journal import Store
from controller.outside.kafka import ensure_topics
from controller.parts.kafka import start_kafka
from controller.wire.topics import Topic
from tests.consumers.process import hosting
from tests.consumers.world import World
from tests.journal.messages import SERVICE, applied, installed, rolling

SERVICES = [f"service-{number}" for number in range(4)]
REPORTS = 40


async def fill(store: Store) -> None:
    """Commit an installation and forty facts more for each service, interleaved."""
    await handle(store, [message for service in SERVICES for message in installed(service)])
    for number in range(REPORTS):
        await handle(store, [applied(1, 10_000 + number, service=service) for service in SERVICES])


async def all_published(world: World) -> bool:
    """Say whether each service's last fact is on the broker."""
    return all([len(await world.told(service)) >= 4 + REPORTS for service in SERVICES])


async def test_facts_are_published_in_order(world: World, store: Store) -> None:
    """Each service's facts stand in the topic in the order of their positions, without a gap."""
    async with world.hosting(store, "relay"):
        await fill(store)
        await world.until("everything published", lambda: all_published(world))
    for service in SERVICES:
        positions = [fact.position for fact in await world.facts(service)]
        assert positions == list(range(1, 5 + REPORTS))


async def test_second_relay_takes_over_from_a_killed_one(world: World, store: Store) -> None:
    """When the relay dies, one that stood by goes on: nothing is missing, and repetitions come in order."""
    with hosting(world.settings, "never", "relay") as first:
        await handle(store, [message for service in SERVICES for message in installed(service)])
        await world.until_told(SERVICES[0], "RolloutPromoted", "RouteSet")
        async with world.hosting(store, "relay"):
            await fill(store)
            first.kill()
            await world.until("everything published", lambda: all_published(world))
    for service in SERVICES:
        positions = [fact.position for fact in await world.facts(service)]
        first_seen = list(dict.fromkeys(positions))
        assert first_seen == list(range(1, 5 + REPORTS))


async def test_a_relay_that_wakes_has_its_tables_published_again(world: World, store: Store) -> None:
    """What it may send late could be older than what its successor sent: so each table comes once more, after all."""
    async with standing_still(world, store) as (first, sent):
        first.send_signal(signal.SIGCONT)
        await world.until("the table came again", lambda: more_than(world, sent))
    newest = await world.table(SERVICE)
    assert newest is not None
    assert newest.epoch == 2


async def test_a_relay_that_wakes_and_is_asked_to_end_has_them_published_too(world: World, store: Store) -> None:
    """It looks once more whether it still had the turn, for what it sent on waking may have been the last of all."""
    async with standing_still(world, store) as (first, sent):
        first.send_signal(signal.SIGTERM)
        first.send_signal(signal.SIGCONT)
        await world.until("the table came again", lambda: more_than(world, sent))


@asynccontextmanager
async def standing_still(world: World, store: Store) -> AsyncIterator[tuple[Popen[bytes], int]]:
    """A stopped relay whose successor has published a newer table, and how many tables there are by then."""
    await handle(store, installed())
    with hosting(world.settings, "never", "relay") as first:
        await world.until_told(SERVICE, "RolloutPromoted", "RouteSet")
        await store.write(lambda _: stop(first))
        await handle(store, rolling())
        async with world.hosting(store, "relay"):
            await world.until_told(SERVICE, "StepStarted", "RouteSet")
            yield first, len(await world.values(Topic.TABLE))


def stop(relay: Popen[bytes]) -> None:
    """Have it stand still; while somebody else writes, for with SQLite nobody could if it did so itself."""
    relay.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, relay.pid, os.WSTOPPED | os.WNOWAIT)


async def more_than(world: World, sent: int) -> bool:
    """Say whether more tables than so many were published."""
    return len(await world.values(Topic.TABLE)) > sent


async def test_broker_away_delays_and_loses_nothing(world: World, store: Store, tmp_path: Path) -> None:
    """What is committed while Kafka is down is published when it is back, in order."""
    with start_kafka(tmp_path / "kafka") as own:
        ensure_topics(own.bootstrap, world.settings.topic_prefix)
        away = replace(world, settings=replace(world.settings, kafka=own.bootstrap))
        async with away.hosting(store, "relay", "rollouts"):
            await handle(store, installed("early"))
            await away.until_told("early", "RolloutPromoted", "RouteSet")
            own.stop()
            await fill(store)
            own.start()
            await away.until("everything published", lambda: all_published(away), patience_s=40)
        positions = [fact.position for fact in await away.facts(SERVICES[0])]
    assert positions == list(range(1, 5 + REPORTS))


async def test_tables_are_there_again_after_kafka_lost_them(world: World, store: Store, tmp_path: Path) -> None:
    """On a Kafka that lost its data a relay that begins publishes each service's table as it stands."""
    for service in SERVICES:
        await handle(store, installed(service))
    async with world.hosting(store, "relay"):
        await world.until_told(SERVICES[-1], "RolloutPromoted", "RouteSet")
        kept = [await world.table(service) for service in SERVICES]
    with start_kafka(tmp_path / "kafka") as empty:
        ensure_topics(empty.bootstrap, world.settings.topic_prefix)
        anew = replace(world, settings=replace(world.settings, kafka=empty.bootstrap))

        async def again() -> bool:
            return [await anew.table(service) for service in SERVICES] == kept

        async with anew.hosting(store, "relay"):
            await anew.until("every table is there again", again)


@pytest.mark.parametrize("at", ["start", "later"])
async def test_end_is_quick_while_kafka_is_away(world: World, store: Store, tmp_path: Path, at: str) -> None:
    """Functions end within two seconds of being asked, also when Kafka does not answer."""
    with start_kafka(tmp_path / "kafka") as own:
        ensure_topics(own.bootstrap, world.settings.topic_prefix)
        away = replace(world, settings=replace(world.settings, kafka=own.bootstrap))
        if at == "start":
            own.stop()
        async with away.hosting(store, "relay", "alerts", "notifier") as readiness:
            if at == "later":
                await away.until("ready", lambda: ready(readiness))
                own.stop()
                await handle(store, installed("late"))
            await asyncio.sleep(1)
            began = time.monotonic()
    assert time.monotonic() - began < 2


async def ready(readiness: Readiness) -> bool:
    """Say whether all functions are ready."""
    return not await readiness.missing()
