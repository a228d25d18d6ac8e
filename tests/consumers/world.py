"""One Segue on a broker of the session: hosts functions, publishes to them, and reads what came of it."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from consumers.run import host
from consumers.worker import Readiness, Worker
from controller.core.routing import RoutingTable
from controller.core.stream import Fact
from controller.journal import Store
from controller.settings import Settings
from controller.wire.codec import event_type, fact_from_message, table_from
from controller.wire.inbound import Received
from controller.wire.topics import PARTITIONS, Topic, topic_name

PATIENCE_S = 20.0
DECIDERS = ("rollouts", "orders", "alerts", "signals", "relay", "timers")

_prefixes = (f"t{number}." for number in itertools.count(1))


def new_prefix() -> str:
    """Name a Segue of its own on the shared broker."""
    return next(_prefixes)


@dataclass
class World:
    """A tester's hands and eyes. Everything is read from the beginning each time: a test's topics are short."""

    settings: Settings
    producer: AIOKafkaProducer

    @asynccontextmanager
    async def hosting(self, store: Store, *names: str) -> AsyncIterator[Readiness]:
        """Host functions in this process for the length of the block."""
        stopping, readiness = asyncio.Event(), Readiness(store=store)
        workers = [Worker(name, self.settings, store, stopping, readiness) for name in names]
        hosted = asyncio.create_task(host(workers))
        try:
            yield readiness
        finally:
            stopping.set()
            await hosted

    async def publish(self, *records: Received) -> None:
        """Publish records as they are, in order, and wait for Kafka's word."""
        sent = [
            await self.producer.send(
                topic_name(record.topic, self.settings.topic_prefix),
                value=record.value,
                key=record.key,
                partition=None if record.key else 0,
                headers=list(record.headers),
            )
            for record in records
        ]
        await asyncio.gather(*sent)

    async def facts(self, service: str) -> list[Fact]:
        """Read a service's facts from the journal's topic, as they stand there, repetitions included."""
        read = [fact_from_message(value)[0] for _, value in await self._records(Topic.JOURNAL)]
        return [fact for fact in read if fact.stream == service]

    async def told(self, service: str) -> list[str]:
        """Name a service's facts in the topic's order."""
        return [event_type(fact.event) for fact in await self.facts(service)]

    async def table(self, service: str) -> RoutingTable | None:
        """Read a service's latest routing table."""
        tables = [table_from(value) for key, value in await self._records(Topic.TABLE) if key == service.encode()]
        return tables[-1] if tables else None

    async def letters(self) -> list[Mapping[str, Any]]:
        """Read the dead letters."""
        return [json.loads(value)["data"] for _, value in await self._records(Topic.DEAD)]

    async def values(self, topic: Topic) -> list[bytes]:
        """Read what stands in a topic."""
        return [value for _, value in await self._records(topic)]

    async def until(self, what: str, found: Callable[[], Awaitable[object]], patience_s: float = PATIENCE_S) -> None:
        """Wait for something to become true; say what never did."""
        deadline = time.monotonic() + patience_s
        while not await found():
            assert time.monotonic() < deadline, f"{what} did not happen within {patience_s:g} s"
            await asyncio.sleep(0.05)

    async def until_told(self, service: str, *last: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until a service's newest facts are these."""

        async def found() -> bool:
            return tuple((await self.told(service))[-len(last) :]) == last

        await self.until(f"{service}: {', '.join(last)}", found, patience_s)

    async def _records(self, topic: Topic) -> Sequence[tuple[bytes, bytes]]:
        name = topic_name(topic, self.settings.topic_prefix)
        consumer = AIOKafkaConsumer(
            **self.settings.brokers.client(), auto_offset_reset="earliest", fetch_max_wait_ms=10
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(name, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            records = []
            while [partition for partition, end in ends.items() if await consumer.position(partition) < end]:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += [(record.key, record.value) for record in batch if record.value is not None]
            return records
        finally:
            await consumer.stop()
