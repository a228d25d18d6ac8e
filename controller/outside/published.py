"""What was published: every record of a topic that is kept for ever, from its start to where it ends now."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from controller.core.errors import Broken, Unavailable
from controller.wire.topics import Topic, topic_name

_SILENCE_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Published:
    """A record of the topic. key: the service."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes


async def published(
    bootstrap: str, prefix: str = "", of: Topic = Topic.JOURNAL, *, partitions: Collection[int] = ()
) -> AsyncGenerator[Published, None]:
    """
    Yield the records, each partition in its order, as they come; close it (`contextlib.aclosing`) when left early.

    partitions: only these, when any are named. Raises Broken when there is no such topic, Unavailable when Kafka does
    not answer.
    """
    topic = topic_name(of, prefix)
    try:
        async with _reader(bootstrap, topic) as reading:
            left_out = [one for one in reading.assignment() if partitions and one.partition not in partitions]
            reading.pause(*left_out)
            assigned = list(reading.assignment() - set(left_out))
            async with aclosing(_to_the_end(reading, assigned)) as records:
                async for record in records:
                    yield record
    except KafkaError as error:
        raise Unavailable(f"Kafka at {bootstrap} did not give {topic} ({error!r}); is it running there?") from error


async def sizes(bootstrap: str, prefix: str = "", of: Topic = Topic.JOURNAL) -> dict[int, int]:
    """Return how many records each partition of a topic has at most; raises as `published` does."""
    topic = topic_name(of, prefix)
    try:
        async with _reader(bootstrap, topic) as reading:
            partitions = list(reading.assignment())
            first, end = await reading.beginning_offsets(partitions), await reading.end_offsets(partitions)
            return {one.partition: end[one] - first[one] for one in partitions}
    except KafkaError as error:
        raise Unavailable(f"Kafka at {bootstrap} did not tell of {topic} ({error!r}); is it running there?") from error


@asynccontextmanager
async def _reader(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Read all partitions of a topic, each from its start."""
    # A reader of a topic that is not there waits for it; so it is looked for first.
    async with _consumer(bootstrap) as looking:
        if topic not in await looking.topics():
            raise Broken(f"Kafka at {bootstrap} has no topic {topic}: create it with `segue topics`")
    async with _consumer(bootstrap, topic) as reading:
        yield reading


@asynccontextmanager
async def _consumer(bootstrap: str, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap.split(","),
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        request_timeout_ms=_SILENCE_MS,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _to_the_end(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> AsyncGenerator[Published, None]:
    ends = await consumer.end_offsets(partitions)
    while behind := [one for one in partitions if await consumer.position(one) < ends[one]]:
        batch = await consumer.getmany(*behind, timeout_ms=_SILENCE_MS)
        if not batch:
            raise Unavailable(f"Kafka sent nothing for {_SILENCE_MS // 1000} s in the middle of a topic; try again")
        for one, records in batch.items():
            for record in records:
                if record.offset < ends[one] and record.value is not None:
                    yield Published(one.partition, record.offset, record.key, record.value)
