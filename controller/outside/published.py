"""What was published: every record that a topic has, from its start to where it ends now."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from controller.brokers import Kafka, brokers
from controller.core.errors import Broken, Unavailable
from controller.outside.stopping import stop
from controller.outside.turned_away import advice
from controller.wire.inbound import Received
from controller.wire.topics import Topic, topic_name

Record: TypeAlias = "ConsumerRecord[Any, Any]"

_SILENCE_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Published:
    """A record of the topic. key: the service. timestamp_ms: when it was published, milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    timestamp_ms: int


async def published(
    kafka: Kafka, prefix: str = "", of: Topic = Topic.JOURNAL, *, partitions: Collection[int] = ()
) -> AsyncGenerator[Published, None]:
    """
    Yield the records, each partition in its order, as they come; close it (`contextlib.aclosing`) when left early.

    partitions: only these, when any are named. Raises Broken when there is no such topic, Unavailable when Kafka does
    not answer.
    """
    async with aclosing(_records(kafka, topic_name(of, prefix), partitions)) as records:
        async for record in records:
            if record.value is not None:
                yield Published(record.partition, record.offset, record.key, record.value, record.timestamp)


async def received(kafka: Kafka, prefix: str, topic: Topic) -> AsyncGenerator[Received, None]:
    """Yield the messages of a topic that the broker still has, as consumers get them; otherwise as `published`."""
    async with aclosing(_records(kafka, topic_name(topic, prefix))) as records:
        async for record in records:
            yield received_from(topic, record)


def received_from(topic: Topic, record: Record) -> Received:
    """Return a record as it came in."""
    return Received(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        # A header may have no value in Kafka; what is kept of it has an empty one.
        headers=tuple((name, value or b"") for name, value in record.headers),
        timestamp_ms=record.timestamp,
    )


async def _records(kafka: Kafka, topic: str, partitions: Collection[int] = ()) -> AsyncGenerator[Record, None]:
    try:
        async with _reader(kafka, topic) as reading:
            left_out = [one for one in reading.assignment() if partitions and one.partition not in partitions]
            reading.pause(*left_out)
            assigned = list(reading.assignment() - set(left_out))
            async with aclosing(_to_the_end(reading, assigned)) as records:
                async for record in records:
                    yield record
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka} did not give {topic}: {await advice(kafka, error)}") from error


async def sizes(kafka: Kafka, prefix: str = "", of: Topic = Topic.JOURNAL) -> dict[int, int]:
    """Return how many records each partition of a topic has at most; raises as `published` does."""
    topic = topic_name(of, prefix)
    try:
        async with _reader(kafka, topic) as reading:
            partitions = list(reading.assignment())
            first, end = await reading.beginning_offsets(partitions), await reading.end_offsets(partitions)
            return {one.partition: end[one] - first[one] for one in partitions}
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka} did not tell of {topic}: {await advice(kafka, error)}") from error


@asynccontextmanager
async def _reader(kafka: Kafka, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Read all partitions of a topic, each from its start."""
    # A reader of a topic that is not there waits for it; so it is looked for first.
    async with _consumer(kafka) as looking:
        if topic not in await looking.topics():
            raise Broken(f"Kafka at {kafka} has no topic {topic}: create it with `segue topics`")
    async with _consumer(kafka, topic) as reading:
        yield reading


@asynccontextmanager
async def _consumer(kafka: Kafka, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics,
        **brokers(kafka).client(),
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        request_timeout_ms=_SILENCE_MS,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop(consumer)


async def _to_the_end(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> AsyncGenerator[Record, None]:
    ends = await consumer.end_offsets(partitions)
    while behind := [one for one in partitions if await consumer.position(one) < ends[one]]:
        batch = await consumer.getmany(*behind, timeout_ms=_SILENCE_MS)
        if not batch:
            raise Unavailable(f"Kafka sent nothing for {_SILENCE_MS // 1000} s in the middle of a topic; try again")
        for one, records in batch.items():
            for record in records:
                if record.offset < ends[one]:
                    yield record
