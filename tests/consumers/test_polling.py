"""A poll while one partition is flooded, or holds what cannot be taken apart."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from consumers.polling import poll
from controller.parts.kafka import Kafka
from controller.settings import Settings
from controller.wire.topics import Topic, topic_name

MOST = 100


async def test_flooded_partition_leaves_its_neighbours_their_turn(
    broker: Kafka, settings: Settings, producer: AIOKafkaProducer
) -> None:
    """What is fetched of another partition is in the next batch, however much of the flooded one is waiting."""
    name = topic_name(Topic.ALERTS, settings.topic_prefix)
    flooded, calm = TopicPartition(name, 0), TopicPartition(name, 1)
    for _ in range(2_000):
        last = await producer.send(name, b"flood", partition=flooded.partition)
    await last
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([flooded, calm])
        assert len(await poll(consumer, MOST)) == MOST
        await producer.send_and_wait(name, b"alone", partition=calm.partition)
        await fetched(consumer, calm)
        records = await poll(consumer, MOST)
    finally:
        await consumer.stop()
    assert [record.value for record in records if record.partition == calm.partition] == [b"alone"]
    assert [record.offset for record in records if record.partition == flooded.partition] == [*range(MOST, 2 * MOST)]


async def test_a_record_that_nothing_can_take_apart_costs_its_neighbours_nothing(
    broker: Kafka, settings: Settings, producer: AIOKafkaProducer
) -> None:
    """Whatever is raised over it, what the same poll had taken of another partition is handed over."""
    name = topic_name(Topic.ALERTS, settings.topic_prefix)
    broken, calm = TopicPartition(name, 0), TopicPartition(name, 1)
    for partition, value in ((broken, b"broken"), (calm, b"alone")):
        await producer.send_and_wait(name, value, partition=partition.partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        group_id=f"{settings.topic_prefix}broken",
        auto_offset_reset="earliest",
        value_deserializer=taken_apart,
    )
    await consumer.start()
    try:
        consumer.assign([broken, calm])
        await fetched(consumer, broken)
        await fetched(consumer, calm)
        records = await poll(consumer, MOST)
        assert consumer.paused() == {broken}
    finally:
        await consumer.stop()
    assert [record.value for record in records] == [b"alone"]


def taken_apart(value: bytes) -> bytes:
    """Take a value apart as a library does that has a mistake of its own."""
    if value == b"broken":
        raise LookupError
    return value


async def fetched(consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
    """Wait until something of a partition was fetched."""
    async with asyncio.timeout(10):
        while not consumer.highwater(partition):  # noqa: ASYNC110  # aiokafka tells nobody what it has fetched
            await asyncio.sleep(0.01)
