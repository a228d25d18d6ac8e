"""
Following `routing.table`: read to its end, then every new table at once, for ever.

No consumer group: every gateway reads all partitions. Kafka away means that the last tables stay and grow old.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from controller.brokers import Kafka, brokers
from controller.core.errors import Malformed
from controller.core.routing import RoutingTable
from controller.gateway.tables import Tables
from controller.outside.listening import until_listening
from controller.outside.stopping import stop
from controller.outside.turned_away import advice
from controller.wire.codec import table_from
from controller.wire.topics import Topic, topic_name

log = logging.getLogger(__name__)

_AGAIN_S: Final = 0.3
# A partition whose table was just taken waits for the fetch that is on its way for the others, and no longer than this.
_FETCH_WAIT_MS: Final = 20
_SILENT_S: Final = 2.0


class Follows(Protocol):
    """What the rest of the gateway asks of a follower."""

    @property
    def ready(self) -> bool:
        """Say whether requests can be routed."""
        ...

    @property
    def source(self) -> str:
        """Say where the tables in use come from: "kafka" or "disk"."""
        ...

    def age_s(self) -> float:
        """Return the seconds since Kafka was last heard."""
        ...


Applied = Callable[[RoutingTable, int], None]
"""Called with a table that came into use and the time of it, milliseconds since 1970."""


class Follower:
    """Brings tables from Kafka into use."""

    def __init__(self, kafka: Kafka, prefix: str, tables: Tables, applied: Applied) -> None:
        """applied: told once for every service when the topic was read to its end, and then at every swap."""
        self._kafka = brokers(kafka)
        self._topic = topic_name(Topic.TABLE, prefix)
        self._tables = tables
        self._applied = applied
        self._read_to_end = False
        # By the monotonic clock: the machine's own is set, above all soon after it was switched on.
        self._heard_s = self._looked_s = time.monotonic()
        self._answered_ms: int | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._level = logging.WARNING

    @property
    def ready(self) -> bool:
        """True once the topic was read to its end; or, while Kafka is silent, when there are tables from disk."""
        return self._read_to_end or (len(self._tables) > 0 and self.age_s() > _SILENT_S)

    @property
    def source(self) -> str:
        """Return "kafka" once the topic was read to its end, else "disk"."""
        return "kafka" if self._read_to_end else "disk"

    def age_s(self) -> float:
        """Return the seconds since a broker last answered for the topic, or since the start if none did."""
        self._hear()
        return time.monotonic() - self._heard_s

    async def run(self) -> None:
        """Follow until cancelled, connecting again for ever."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError) as error:
                # Said once per absence: it is tried several times a second, and the table's age is a metric.
                if log.isEnabledFor(self._level):
                    self._away(await advice(self._kafka, error), self._level)
                    self._level = logging.DEBUG
            except Exception:
                # A fault of our own must not cost the gateway its ears for good.
                log.exception("following routing.table failed; trying again")
            await asyncio.sleep(_AGAIN_S)

    def _away(self, why: str, level: int = logging.WARNING) -> None:
        log.log(level, "cannot follow routing.table now; trying again", extra={"fault": why})

    def _hear(self) -> None:
        """Note whether a broker answered since this was called last; it is, by whoever follows, twice a second."""
        now_s = time.monotonic()
        if self._consumer is not None:
            answered = [self._consumer.last_poll_timestamp(partition) for partition in self._consumer.assignment()]
            # The partition that was silent longest: a table of its services may be waiting behind it.
            if answered and None not in answered and min(answered) != self._answered_ms:
                self._answered_ms = min(answered)
                ago_s = max(0.0, time.time() - self._answered_ms / 1000)
                self._heard_s = now_s - min(ago_s, now_s - self._looked_s)
        self._looked_s = now_s

    async def _follow(self) -> None:
        await until_listening(self._kafka, self._away)
        consumer = AIOKafkaConsumer(
            self._topic,
            **self._kafka.client(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            request_timeout_ms=5_000,
            metadata_max_age_ms=10_000,
        )
        try:
            await consumer.start()
            self._level = logging.WARNING
            self._consumer = consumer
            await self._catch_up(consumer)
            while True:
                for table in await _tables_from(consumer):
                    if self._tables.offer(table):
                        self._applied(table, time.time_ns() // 1_000_000)
                self._hear()
        finally:
            self._consumer = None
            await stop(consumer)

    async def _catch_up(self, consumer: AIOKafkaConsumer) -> None:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for table in await _tables_from(consumer):
                self._tables.offer(table)
        self._read_to_end = True
        at_ms = time.time_ns() // 1_000_000
        for table in self._tables.all().values():
            self._applied(table, at_ms)


async def _tables_from(consumer: AIOKafkaConsumer) -> list[RoutingTable]:
    batches = await consumer.getmany(timeout_ms=500)
    tables = (_table(record) for batch in batches.values() for record in batch)
    return [table for table in tables if table is not None]


def _table(record: ConsumerRecord) -> RoutingTable | None:
    if record.value is None:
        return None
    try:
        return table_from(record.value)
    except Malformed as error:
        where = f"{record.topic}/{record.partition}/{record.offset}"
        log.error("passed over a routing table that cannot be read", extra={"at": where, "fault": str(error)})
        return None
