"""Clients of Kafka that end while it is away."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from consumers.producing import producer
from controller.outside.kafka import ensure_topics
from controller.outside.stopping import stop
from controller.parts.kafka import Kafka, start_kafka
from controller.settings import Settings
from controller.wire.topics import Topic, topic_name


async def test_consumer_ends_in_order_while_kafka_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever stops it hears of no cancellation that nobody asked for, and no connection of it lives on."""
    with await asyncio.to_thread(start_kafka, tmp_path / "kafka") as broker:
        await asyncio.to_thread(ensure_topics, broker.bootstrap)
        # Long enough that it is sure to wait before it asks again when it is stopped.
        consumer = AIOKafkaConsumer(Topic.TABLE, bootstrap_servers=broker.bootstrap, retry_backoff_ms=30_000)
        await consumer.start()
        await consumer.seek_to_end()
        await asyncio.to_thread(broker.kill)
        async with asyncio.timeout(20):
            while "Failed fetch messages" not in caplog.text:  # noqa: ASYNC110  # aiokafka tells the log alone
                await asyncio.sleep(0.01)
        await stop(consumer)
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_consumer_whose_leaving_is_cut_short_is_gone_all_the_same(broker: Kafka, settings: Settings) -> None:
    """Nothing of it goes on: no heartbeat of a member that reads no more, no fetch that connects again."""
    name = topic_name(Topic.ALERTS, settings.topic_prefix)
    before = asyncio.all_tasks()
    consumer = AIOKafkaConsumer(name, bootstrap_servers=broker.bootstrap, group_id=f"{settings.topic_prefix}cut-short")
    await consumer.start()
    assert asyncio.all_tasks() > before
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await stop(consumer, asyncio.sleep(60))
    assert asyncio.all_tasks() == before


async def test_producer_whose_end_is_cut_short_sends_nothing_late(tmp_path: Path, settings: Settings) -> None:
    """Who is cancelled while he waits for what is left leaves nothing behind that would send it later."""
    with await asyncio.to_thread(start_kafka, tmp_path / "kafka") as broker:
        await asyncio.to_thread(ensure_topics, broker.bootstrap)
        before, leaving = asyncio.all_tasks(), asyncio.Event()

        async def send() -> None:
            async with producer(replace(settings, kafka=broker.bootstrap)) as kafka:
                await kafka.partitions_for(Topic.TABLE)
                await asyncio.to_thread(broker.kill)
                await kafka.send(Topic.TABLE, b"late")
                leaving.set()

        sending = asyncio.create_task(send())
        await leaving.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert asyncio.all_tasks() == before
