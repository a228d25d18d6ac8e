"""
Stopping a Kafka consumer for good, also while Kafka is away.

aiokafka ends its fetches and waits for each. One that was just about to ask an absent broker again hands its own
cancellation on to whoever stops the consumer: as if that one had been cancelled, with the connections left open.
"""

import asyncio
from collections.abc import Awaitable

from aiokafka import AIOKafkaConsumer


async def stop(consumer: AIOKafkaConsumer, ending: Awaitable[None] | None = None) -> None:
    """
    Stop a consumer and close its connections, whatever comes in between.

    ending: what stops it, by default the consumer's own `stop`. Raises CancelledError only when the caller was
    cancelled, and whatever else `ending` raises.
    """
    try:
        await (consumer.stop() if ending is None else ending)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        if task.cancelling():
            raise
    finally:
        await consumer._client.close()
