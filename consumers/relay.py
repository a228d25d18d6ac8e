"""
Outbox to Kafka: every committed message is published, in order per service, right after its commit.

One relay works at a time (it holds the store's lock); others stand by. A message leaves the outbox only once Kafka has
acknowledged it, so a crash in between publishes it twice: readers drop what they have by stream and position, or by
epoch.

One that stood still lost its turn, and may have sent a table after a newer one that its successor published. Gateways
that know the newer one refuse it; but the topic keeps the last one, for those who begin. So it has all tables published
once more, after its own. For that it looks, however it ends, whether it had the turn all along.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from consumers.metrics import OUTBOX_ROWS, RELAY_SECONDS, RELAYED
from consumers.producing import producer
from consumers.waiting import delays_s, pause, until_stopped
from consumers.worker import Worker
from controller.core.errors import Conflict, Unavailable
from controller.journal import OutboxRow, Relay
from controller.journal.turn import TurnLost

_BATCH: Final = 500
# Commits wake the relay; this is how often it looks by itself, should a wake-up be lost.
_SWEEP_S: Final = 1.0

_log = logging.getLogger(__name__)


async def run(worker: Worker) -> None:
    """Publish the outbox until the worker is asked to stop. Raises Unavailable when Kafka or the database is away."""
    worker.ready_when(lambda: "")  # one that stands by is ready too
    try:
        await _relay(worker)
    except TurnLost:
        await _publish_tables(worker)
        raise


async def _relay(worker: Worker) -> None:
    async with worker.store.relay(0) as relay:
        try:
            await _relay_on(worker, relay)
        finally:
            # Also when Kafka failed, or it is asked to end: nothing of it can come later than this.
            await relay.sign()


async def _relay_on(worker: Worker, relay: Relay) -> None:
    async with producer(worker.settings) as kafka:
        _log.info("this relay works now", extra={"function": worker.name})
        # Kafka may have lost the tables, or hold an older one that came late from a relay that had lost its turn.
        await _published(worker, kafka, await relay.standing())
        while not worker.stopping.is_set():
            rows = await relay.next_batch(_BATCH)
            OUTBOX_ROWS.set(len(rows))
            if rows and await _published(worker, kafka, rows):
                await _forget(relay, rows)
            if len(rows) < _BATCH:
                await worker.store.wait_for_outbox(_SWEEP_S)


async def _publish_tables(worker: Worker) -> None:
    """Leave every table as it stands to whoever relays now, as soon as the database answers."""
    for delay_s in delays_s():
        with suppress(Unavailable, Conflict):
            await worker.store.publish_tables()
            return
        if await pause(worker.stopping, delay_s):
            return


async def _published(worker: Worker, kafka: AIOKafkaProducer, rows: Sequence[OutboxRow]) -> bool:
    """Send rows in their order and wait until Kafka has them all; False when asked to stop before that."""
    began = time.perf_counter()
    try:
        sent = asyncio.gather(*[await _send(worker, kafka, row) for row in rows])
        if not await until_stopped(worker.stopping, sent):
            sent.cancel()
            await asyncio.gather(sent, return_exceptions=True)
            return False
        sent.result()
    except KafkaError as error:
        raise Unavailable(f"Kafka at {worker.settings.kafka} did not take the outbox ({error})") from error
    RELAY_SECONDS.observe(time.perf_counter() - began)
    return True


async def _send(worker: Worker, kafka: AIOKafkaProducer, row: OutboxRow) -> "asyncio.Future[None]":
    sent: asyncio.Future[None] = await kafka.send(
        worker.topic(row.topic), value=row.body, key=row.key, headers=list(row.headers)
    )
    return sent


async def _forget(relay: Relay, rows: Sequence[OutboxRow]) -> None:
    await relay.delete([row.id for row in rows])
    OUTBOX_ROWS.set(0)
    for row in rows:
        RELAYED.labels(row.topic).inc()
