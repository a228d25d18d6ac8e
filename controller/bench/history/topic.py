"""A store's facts in Kafka, as the relay would have published them."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer

from controller.journal.facts import Recorded
from controller.outside.kafka import ensure_topics
from controller.wire.codec import fact_message
from controller.wire.envelope import HEADERS
from controller.wire.topics import Topic

_AT_ONCE: Final = 500


async def publish(bootstrap: str, facts: Sequence[Recorded]) -> None:
    """Create the topics and publish facts of one or more services, in this order; Kafka has them when it returns."""
    await asyncio.to_thread(ensure_topics, bootstrap)
    kafka = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await kafka.start()
    try:
        for start in range(0, len(facts), _AT_ONCE):
            some = facts[start : start + _AT_ONCE]
            sent = [
                await kafka.send(
                    Topic.JOURNAL.value,
                    key=one.stream.encode(),
                    value=fact_message(one.fact, one.hash, one.prev_hash),
                    headers=list(HEADERS),
                )
                for one in some
            ]
            await asyncio.gather(*sent)
    finally:
        await kafka.stop()
