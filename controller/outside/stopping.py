"""
Stopping a client of Kafka for good, also while Kafka is away.

aiokafka ends a consumer's fetches and waits for each. One that was just about to ask an absent broker again hands its
own cancellation on to whoever stops the consumer: as if that one had been cancelled, with the connections left open.

A producer is stopped once all is sent that it holds, which may be never. Whoever is cancelled while it waits for that
leaves behind what goes on sending.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

_END_S: Final = 1.0
_GIVE_UP_S: Final = 0.1


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


async def stop_sending(producer: AIOKafkaProducer, most_s: float) -> None:
    """
    Stop a producer: what it holds is sent within most_s seconds or given up, also when the caller is cancelled.

    What is given up may have arrived, but no more of it leaves this process.
    """
    try:
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(most_s):
                await producer.flush()
                await producer.stop()
    finally:
        await _give_up(producer)


async def _give_up(producer: AIOKafkaProducer) -> None:
    # aiokafka has no public way to give up what it holds, and would send it late, behind a successor's back.
    sending = producer._sender.sender_task
    # The first time it ends asking for more, the second time it ends waiting for answers.
    for _ in range(2):
        if sending is not None and not sending.done():
            sending.cancel()
            await asyncio.wait([sending], timeout=_GIVE_UP_S)
    await producer.client.close()
    producer._closed = True
