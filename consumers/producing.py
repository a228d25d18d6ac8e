"""A Kafka producer whose messages arrive once, in order, and are acknowledged by all replicas."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from controller.core.errors import Unavailable
from controller.outside.stopping import stop_sending
from controller.outside.turned_away import advice
from controller.settings import Settings

_CLOSE_S: Final = 0.5
# The dead letters' limit; all other topics stay far below it.
_LARGEST_BYTES: Final = 4 * 1_048_576


@asynccontextmanager
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """
    Hold a producer while it is needed.

    It goes on trying for as long as Kafka is away: a send ends when Kafka has the message, or when its sender gives up.
    Raises Unavailable when Kafka cannot be reached at the start.
    """
    kafka = AIOKafkaProducer(
        **settings.brokers.client(),
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_request_size=_LARGEST_BYTES,
        request_timeout_ms=10_000,
        retry_backoff_ms=50,
    )
    try:
        try:
            await kafka.start()
        except KafkaError as error:
            why = await advice(settings.brokers, error)
            raise Unavailable(f"Kafka at {settings.kafka} cannot be reached: {why}") from error
        yield kafka
    finally:
        await stop_sending(kafka, _CLOSE_S)
