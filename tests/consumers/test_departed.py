"""A dead process's partitions go on to the living at once, however long Kafka would have waited for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient

from consumers.departed import Member, Watch, client_id, members, see_off
from consumers.worker import Readiness, Worker
from controller.journal import Store
from controller.settings import Settings
from controller.wire.topics import Topic, group_name, topic_name
from tests.consumers.world import World


@asynccontextmanager
async def member(settings: Settings, life: str, heartbeat_ms: int = 100) -> AsyncIterator[str]:
    """Read alerts in the deciders' group as a process with this life would, and go on telling Kafka so."""
    group = group_name("alerts", settings.topic_prefix)
    consumer = AIOKafkaConsumer(
        topic_name(Topic.ALERTS, settings.topic_prefix),
        **settings.brokers.client(),
        group_id=group,
        client_id=client_id(group, life),
        heartbeat_interval_ms=heartbeat_ms,
        session_timeout_ms=180_000,
    )
    await consumer.start()
    try:
        yield group
    finally:
        await consumer.stop()


def dead(settings: Settings) -> AbstractAsyncContextManager[str]:
    """Be there as one that was killed is: it hears of nothing, and Kafka waits for it."""
    return member(settings, "0badcafe", heartbeat_ms=60_000)


@asynccontextmanager
async def watching(settings: Settings, store: Store) -> AsyncIterator[str]:
    """See off the dead of the alerts' group, as a process does that decides alerts; gives its life's name."""
    stopping = asyncio.Event()
    async with store.life() as life:
        await life.living()
        worker = Worker("alerts", settings, store, stopping, Readiness(), life.name)
        task = asyncio.create_task(see_off([worker], life))
        try:
            yield life.name
        finally:
            stopping.set()
            await task


async def reading(settings: Settings) -> set[str]:
    """Return the lives of those who are in the alerts' group, "" for one that tells none."""
    kafka = AIOKafkaClient(**settings.brokers.client())
    await kafka.bootstrap()
    try:
        return {one.life for one in await members(kafka, [group_name("alerts", settings.topic_prefix)])}
    finally:
        await kafka.close()


async def test_the_dead_leave_their_groups(world: World, store: Store) -> None:
    """A member whose process is not alive is out of its group, though Kafka would wait for it for minutes."""
    await seen_off(world, store)


async def seen_off(world: World, store: Store) -> None:
    """Let a member be read by Kafka whose process is not alive, and wait until it is out of its group."""
    async with dead(world.settings):
        assert await reading(world.settings) == {"0badcafe"}
        async with watching(world.settings, store):

            async def gone() -> bool:
                return await reading(world.settings) == set()

            await world.until("it is seen off", gone)


async def test_the_living_and_the_unknown_stay(world: World, store: Store) -> None:
    """Members that live stay, as do those of whom nobody can say, while a dead one beside them goes."""
    async with store.life() as life, member(world.settings, life.name), member(world.settings, ""):
        await life.living()
        async with dead(world.settings), watching(world.settings, store):

            async def gone() -> bool:
                return "0badcafe" not in await reading(world.settings)

            await world.until("it is seen off", gone)
            assert await reading(world.settings) == {life.name, ""}


@dataclass
class Told:
    """A life that says who lives as the test has it."""

    names: set[str]
    name: str = "me"
    since: int = 1

    async def living(self) -> frozenset[str]:
        """Return what the test says."""
        return frozenset(self.names)

    async def close(self) -> None:
        """Leave it."""


YOU = Member("alerts", "alerts@you-1", "you")


async def test_who_was_seen_alive_and_is_not_is_gone_at_once() -> None:
    """One look is enough, as long as our own session is the same; and Kafka is told once."""
    life = Told({"me", "you"})
    watch = Watch(life)
    await watch.anybody_missing()
    assert watch.gone([YOU]) == []
    assert not await watch.anybody_missing()
    life.names.discard("you")
    assert await watch.anybody_missing()
    assert watch.gone([YOU]) == [YOU]
    watch.seen_off()
    assert not await watch.anybody_missing()


async def test_kafka_is_told_again_when_it_did_not_hear() -> None:
    """Whoever is gone is gone until Kafka has heard of it."""
    life = Told({"me", "you"})
    watch = Watch(life)
    await watch.anybody_missing()
    watch.gone([])
    life.names.discard("you")
    for _ in range(2):
        assert await watch.anybody_missing()
        assert watch.gone([YOU]) == [YOU]


async def test_nobody_is_gone_for_a_database_that_was_away() -> None:
    """When our own session is a new one, those not seen in it yet are given time to come back."""
    life = Told({"me", "you"})
    watch = Watch(life)
    await watch.anybody_missing()
    watch.gone([YOU])
    life.names, life.since = {"me"}, 2
    assert await watch.anybody_missing()
    assert watch.gone([YOU]) == []
    life.names.add("you")
    assert await watch.anybody_missing()
    assert watch.gone([YOU]) == []
    assert not await watch.anybody_missing()


async def test_who_comes_back_is_left_alone() -> None:
    """A member that joins again though nobody sees it live was wrongly seen off; that happens once."""
    life = Told({"me", "you"})
    watch = Watch(life)
    await watch.anybody_missing()
    watch.gone([YOU])
    life.names.discard("you")
    await watch.anybody_missing()
    assert watch.gone([YOU]) == [YOU]
    watch.seen_off()
    assert watch.gone([Member("alerts", "alerts@you-2", "you")]) == []
