"""
Stopping a Kafka consumer for good, also while Kafka is away.

aiokafka ends its fetches and waits for each. One that was just about to ask an absent broker again hands its own
cancellation on to whoever stops the consumer: as if that one had been cancelled, with the connections left open.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final

from aiokafka import AIOKafkaConsumer

_END_S: Final = 1.0


async def stop(consumer: AIOKafkaConsumer, ending: Awaitable[None] | None = None) -> None:
    """
    Stop a consumer, end what it does by itself and close its connections, whatever comes in between.

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
        await _let_go(consumer)


async def _let_go(consumer: AIOKafkaConsumer) -> None:
    # What aiokafka does in the background would connect again, and keep up a membership of nobody.
    parts = [part for part in (getattr(consumer, name, None) for name in ("_coordinator", "_fetcher")) if part]
    found = [one for part in parts for one in (*vars(part).values(), *getattr(part, "_pending_tasks", ()))]
    tasks = [one for one in found if isinstance(one, asyncio.Task) and not one.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_END_S)
    await consumer._client.close()
    # It is, whether or not it came to note that itself; else it would complain of it to whoever collects it.
    consumer._closed = True
