"""A flood of messages about one service, and those that stand behind it in the same partition."""

import asyncio
from collections.abc import Sequence
from itertools import count

from aiokafka.partitioner import DefaultPartitioner
from sqlalchemy import select

from controller.journal import Store, views
from controller.journal.tables import inbox
from controller.outside.groups import acknowledged
from controller.wire.topics import PARTITIONS, Topic, group_name, topic_name
from tests.consumers.process import hosting
from tests.consumers.world import World
from tests.journal.messages import requested

FLOODED = "flooded"
FLOOD = 1_500


def place(service: str) -> int:
    """Return the partition of a service's messages."""
    return int(DefaultPartitioner()(service.encode(), list(range(PARTITIONS)), list(range(PARTITIONS))))


BESIDE = next(name for name in (f"beside-{number}" for number in count()) if place(name) == place(FLOODED))
"""A service whose messages stand in the same partition."""


async def flood(world: World, messages: int, first: int = 0) -> None:
    """Publish requests about one service: the first of all starts a rollout, the others are quiet."""
    numbers = range(first, first + messages)
    await world.publish(*(requested("1.4.0", id=f"flood-{one}", service=FLOODED).record for one in numbers))


async def decided(store: Store) -> Sequence[tuple[str, int]]:
    """Return the service and offset of every message that stands where the flood does, in the order of decisions."""
    rows = await store.rows(select(inbox.c.service, inbox.c.offset, inbox.c.partition).order_by(inbox.c.number), {})
    return [(row.service, row.offset) for row in rows if row.partition == place(FLOODED)]


async def until_decided(world: World, store: Store, messages: int) -> list[tuple[str, int]]:
    """Wait until so many of them are decided; return them."""

    async def all_of_them() -> bool:
        return len(await decided(store)) == messages

    await world.until(f"{messages} messages are decided", all_of_them)
    return list(await decided(store))


def of(told: Sequence[tuple[str, int]], service: str) -> list[int]:
    """Return the offsets of a service's messages."""
    return [offset for name, offset in told if name == service]


async def acknowledged_to(world: World) -> int:
    """Return up to where the flood is acknowledged."""
    settings = world.settings
    group, topic = group_name("rollouts", settings.topic_prefix), topic_name(Topic.REQUESTED, settings.topic_prefix)
    return (await asyncio.to_thread(acknowledged, settings.kafka, group, topic)).get(place(FLOODED), 0)


async def test_who_stands_behind_a_flood_does_not_wait_for_it(world: World, store: Store) -> None:
    """Its message is decided as soon as it is read; the flood keeps its order, and all is acknowledged."""
    await flood(world, FLOOD)
    await world.publish(requested("1.4.0", service=BESIDE).record)
    async with world.hosting(store, "rollouts"):
        told = await until_decided(world, store, FLOOD + 1)

        async def all_acknowledged() -> bool:
            return await acknowledged_to(world) == FLOOD + 1

        await world.until("everything is acknowledged", all_acknowledged)
    assert told.index((BESIDE, FLOOD)) < FLOOD / 2
    assert of(told, FLOODED) == list(range(FLOOD))


async def test_killed_with_something_decided_before_its_turn(world: World, store: Store) -> None:
    """
    What was decided beyond a gap was not acknowledged: it comes again, and is quiet.

    What stood in between is decided, in its order.
    """
    await flood(world, FLOOD)
    await world.publish(requested("1.4.0", service=BESIDE).record)
    with hosting(world.settings, "beyond-a-gap", "rollouts") as doomed:
        assert await asyncio.to_thread(doomed.wait, 20) == -9
    told = await decided(store)
    assert (BESIDE, FLOOD) in told
    assert await acknowledged_to(world) == len(of(told, FLOODED)) < FLOOD
    with hosting(world.settings, "never", "rollouts", "relay"):
        told = await until_decided(world, store, FLOOD + 1)
        await world.until_told(BESIDE, "RolloutStarted")
        await world.until_told(FLOODED, "RolloutStarted")
    assert of(told, FLOODED) == list(range(FLOOD))
    assert {service.position for service in await views.services(store)} == {1}


async def test_members_that_come_and_go_amid_a_flood_decide_each_message_once(world: World, store: Store) -> None:
    """Whoever has the partition now goes on where it is acknowledged: nothing is left out, nobody's order changes."""
    beside = [requested("1.4.0", service=BESIDE, id=f"beside-{number}").record for number in range(3)]
    async with world.hosting(store, "rollouts"):
        for number, one in enumerate(beside):
            await flood(world, FLOOD // 3, number * FLOOD // 3)
            await world.publish(one)
            async with world.hosting(store, "rollouts"):
                await asyncio.sleep(0.3)
        told = await until_decided(world, store, FLOOD + 3)
    assert of(told, FLOODED) == sorted(of(told, FLOODED))
    assert of(told, BESIDE) == sorted(of(told, BESIDE))
    assert {service.position for service in await views.services(store)} == {1}
