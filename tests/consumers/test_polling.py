"""A poll while one partition is flooded."""

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
        async with asyncio.timeout(10):
            while not consumer.highwater(calm):  # noqa: ASYNC110  # aiokafka tells nobody what it has fetched
                await asyncio.sleep(0.01)
        records = await poll(consumer, MOST)
    finally:
        await consumer.stop()
    assert [record.value for record in records if record.partition == calm.partition] == [b"alone"]
    assert [record.offset for record in records if record.partition == flooded.partition] == [*range(MOST, 2 * MOST)]
