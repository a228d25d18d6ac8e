"""
Telling the journal what only this gateway knows: which epoch it serves, with which releases it may still speak, which
endpoints it leaves alone.

In the background, in order, until Kafka has it; a message's id says what it is about, so that telling twice is quiet.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from controller.brokers import Kafka, brokers
from controller.core.routing import RoutingTable
from controller.outside.listening import until_listening
from controller.outside.stopping import stop_sending
from controller.outside.turned_away import advice
from controller.wire.envelope import HEADERS, encode
from controller.wire.topics import Topic, topic_name

log = logging.getLogger(__name__)

_SOURCE: Final = "segue/gateway"
_APPLIED: Final = "io.segue.route.applied"
_DRAINED: Final = "io.segue.release.drained"
_ENDED: Final = "io.segue.router.ended"
_AGAIN_S: Final = 0.3
_CLOSE_S: Final = 0.5


class Reporter:
    """Sends what it is told."""

    def __init__(self, kafka: Kafka, prefix: str, router: str) -> None:
        self._kafka = brokers(kafka)
        self._topic = topic_name(Topic.SIGNALS, prefix)
        self._router = router
        # Stays short: while Kafka is away no table comes, and what keeps failing is probed ever more rarely.
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._told = asyncio.Event()
        # Nothing is left to be sent, or nobody is there to send it to.
        self._silent = asyncio.Event()
        self._connected = False
        self._began_ms = _now_ms()
        self._number = 0
        self._level = logging.WARNING

    def applied(self, table: RoutingTable, speaking: Sequence[str], at_ms: int) -> None:
        """Note that a table is in use since at_ms, and with which ensembles this gateway may speak from then on."""
        data = {"epoch": table.epoch, "applied_at_ms": at_ms, "speaking": list(speaking)}
        # Of this run alone: what the one before was still speaking with ended with it, and that must be heard.
        self.tell(_APPLIED, f"{table.service}/{table.epoch}/{self._began_ms}", table.service, data, at_ms)

    def drained(self, service: str, ensemble: str, epoch: int) -> None:
        """Note that this gateway, which serves this epoch, will ask an ensemble for nothing more."""
        self._number += 1
        data = {"ensemble": ensemble, "epoch": epoch}
        self.tell(_DRAINED, f"{service}/drained/{self._began_ms}-{self._number}", service, data, _now_ms())

    def ended(self, service: str) -> None:
        """Note that this gateway ends, so that nobody waits for it."""
        self.tell(_ENDED, f"{service}/ended/{self._began_ms}", service, {}, _now_ms())

    def tell(self, kind: str, id: str, service: str, data: Mapping[str, object], at_ms: int) -> None:
        """Send a message of this type about a service, in this router's name; id: one of its own within this router."""
        data = {"actor": self._router, "router": self._router, **data}
        self._waiting.append((service, encode(kind, _SOURCE, f"{self._router}/{id}", service, data, at_ms)))
        self._silent.clear()
        self._told.set()

    async def told(self, timeout_s: float) -> None:
        """Return once Kafka has everything; at once while it is away, and after timeout_s in any case."""
        if self._connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._silent.wait()

    async def run(self) -> None:
        """Send until cancelled, connecting again for ever."""
        while True:
            try:
                await self._send()
            except (KafkaError, OSError) as error:
                # Said once per absence: it is tried several times a second, and the table's age is a metric.
                if log.isEnabledFor(self._level):
                    self._away(await advice(self._kafka, error), self._level)
                    self._level = logging.DEBUG
            except Exception:
                # A fault of our own must not cost the gateway its ears for good.
                log.exception("reporting failed; trying again")
            await asyncio.sleep(_AGAIN_S)

    def _away(self, why: str, level: int = logging.WARNING) -> None:
        log.log(level, "cannot report to Kafka now; trying again", extra={"fault": why})

    async def _send(self) -> None:
        await until_listening(self._kafka, self._away)
        producer = AIOKafkaProducer(**self._kafka.client(), acks="all", request_timeout_ms=5_000)
        try:
            await producer.start()
            self._connected = True
            self._level = logging.WARNING
            while True:
                while self._waiting:
                    service, value = self._waiting[0]
                    await producer.send_and_wait(self._topic, value, key=service.encode(), headers=list(HEADERS))
                    self._waiting.popleft()
                self._silent.set()
                self._told.clear()
                await self._told.wait()
        finally:
            self._connected = False
            self._silent.set()
            await stop_sending(producer, _CLOSE_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
