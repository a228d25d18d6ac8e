"""The topic routing.table is lost: SQL has every table, and gateways read on, whether they ran through it or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from kafka import KafkaAdminClient

from controller.core.routing import RoutingTable
from controller.gateway.follow import Follower
from controller.gateway.metrics import Metrics
from controller.gateway.tables import Tables
from controller.journal import Store
from controller.outside.kafka import ensure_topics
from controller.wire.topics import Topic, topic_name
from tests.consumers.test_deciding import INSTALLED, ROLLED_BACK, ROLLING, publish_in_turn
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import SERVICE, alert, installed, rolling


@asynccontextmanager
async def following(world: World) -> AsyncIterator[Tables]:
    """Follow the topic as a gateway does; gives the tables it serves by."""
    tables = Tables(Metrics())
    follower = Follower(world.settings.kafka, world.settings.topic_prefix, tables, _unheard)
    running = asyncio.create_task(follower.run())
    try:
        yield tables
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _unheard(_table: RoutingTable, _at_ms: int) -> None:
    """Be told of a swap."""


async def serves(world: World, tables: Tables, epoch: int) -> None:
    """Wait until a gateway serves by this epoch."""

    async def found() -> bool:
        table = tables.get(SERVICE)
        return table is not None and table.epoch == epoch

    await world.until(f"a gateway serves epoch {epoch}", found)


def lose(world: World, topic: str) -> None:
    """Delete a topic, with all that is in it, and wait until the broker knows of none."""
    with KafkaAdminClient(bootstrap_servers=world.settings.kafka) as admin:
        admin.delete_topics([topic])
        while topic in admin.list_topics():
            pass


async def test_a_lost_topic_is_filled_from_sql_while_services_go_on(world: World, store: Store) -> None:
    """Who starts then reads the table that was live; who was there before follows the next one as ever."""
    async with world.hosting(store, *DECIDERS), following(world) as before:
        await publish_in_turn(world, SERVICE, installed(), *INSTALLED)
        await publish_in_turn(world, SERVICE, rolling(), *ROLLING)
        await serves(world, before, 2)
        await asyncio.to_thread(lose, world, topic_name(Topic.TABLE, world.settings.topic_prefix))
        ensure_topics(world.settings.kafka, world.settings.topic_prefix)
        assert await world.table(SERVICE) is None
        assert await store.publish_tables() == 1
        async with following(world) as after:
            await serves(world, after, 2)
            assert after.get(SERVICE) == before.get(SERVICE) == await world.table(SERVICE)
            await publish_in_turn(world, SERVICE, [alert("1.5.0")], *ROLLED_BACK)
            await serves(world, after, 3)
            await serves(world, before, 3)
