"""Telling the journal which epoch this gateway serves: one `io.segue.route.applied` per swap, in the background."""

import asyncio
import logging
from collections import deque
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from controller.core.routing import RoutingTable
from controller.wire.envelope import HEADERS, encode
from controller.wire.topics import Topic, topic_name

log = logging.getLogger(__name__)

_SOURCE: Final = "segue/gateway"
_TYPE: Final = "io.segue.route.applied"
_AGAIN_S: Final = 0.3


class Reporter:
    """Sends what `applied` was told, in order, until Kafka has it; (router, service, epoch) makes the message's id."""

    def __init__(self, kafka: str, prefix: str, router: str) -> None:
        self._kafka = kafka
        self._topic = topic_name(Topic.SIGNALS, prefix)
        self._router = router
        # While Kafka is away no table comes, so this does not grow.
        self._waiting: deque[tuple[str, int, int]] = deque()
        self._told = asyncio.Event()
        self._level = logging.WARNING

    def applied(self, table: RoutingTable, at_ms: int) -> None:
        """Note that a table is in use since at_ms."""
        self._waiting.append((table.service, table.epoch, at_ms))
        self._told.set()

    async def run(self) -> None:
        """Send until cancelled, connecting again for ever."""
        while True:
            try:
                await self._send()
            except (KafkaError, OSError) as error:
                log.log(self._level, "cannot report the epoch in use now; trying again", extra={"fault": repr(error)})
                # Said once per absence: it is tried three times a second, and the table's age is a metric.
                self._level = logging.DEBUG
            except Exception:
                # A fault of our own must not cost the gateway its ears for good.
                log.exception("reporting the epoch in use failed; trying again")
            await asyncio.sleep(_AGAIN_S)

    async def _send(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka, acks="all", request_timeout_ms=5_000)
        try:
            await producer.start()
            self._level = logging.WARNING
            while True:
                while self._waiting:
                    service, epoch, at_ms = self._waiting[0]
                    value = self._message(service, epoch, at_ms)
                    await producer.send_and_wait(self._topic, value, key=service.encode(), headers=list(HEADERS))
                    self._waiting.popleft()
                self._told.clear()
                await self._told.wait()
        finally:
            await producer.stop()

    def _message(self, service: str, epoch: int, at_ms: int) -> bytes:
        data = {"actor": self._router, "router": self._router, "epoch": epoch, "applied_at_ms": at_ms}
        return encode(_TYPE, _SOURCE, f"{self._router}/{service}/{epoch}", service, data, at_ms)
