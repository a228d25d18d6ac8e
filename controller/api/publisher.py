"""
A warm Kafka producer that comes back by itself: messages are published, or the caller hears at once that they are not.

It is asked for one message every few weeks, and then every millisecond counts. So connections and metadata are made
ready before the first message and looked after in between, and a Kafka that is away is known before it is needed.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from controller.brokers import Kafka, brokers
from controller.core.errors import Unavailable
from controller.outside.listening import until_listening
from controller.outside.stopping import stop_sending
from controller.outside.turned_away import advice
from controller.wire.outbound import Outgoing
from controller.wire.topics import INBOUND, topic_name

log = logging.getLogger(__name__)

DELIVERY_S: Final = 3.0
"""Within this time a message is acknowledged by all replicas, or its sender is told to try again."""

_WATCH_S: Final = 2.0
_WATCH_WHILE_AWAY_S: Final = 0.25
_GIVE_UP_S: Final = 10.0
_CLOSE_S: Final = 0.5
_BATCH_BYTES: Final = 256 * 1024
_REQUEST_BYTES: Final = 4 * 1024 * 1024


class Publisher:
    """Publishes to the inbound topics while `run` runs. `missing` says in a sentence why it cannot, "" when it can."""

    def __init__(self, kafka: Kafka, prefix: str = "") -> None:
        """prefix: put before every topic's name."""
        self._kafka = brokers(kafka)
        self._prefix = prefix
        self._producer: AIOKafkaProducer | None = None
        self.missing = f"Kafka at {kafka} was not reached yet"

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """
        Return when every message is acknowledged by all replicas.

        Raises Unavailable otherwise. Some of them may then stand in Kafka nevertheless: sending all of them again is
        safe, since readers know a message by its source and id.
        """
        producer = self._producer
        if producer is None or self.missing:
            raise Unavailable(f"{self.missing}; nothing was taken, send it again")
        sent: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(DELIVERY_S):
                for message in messages:
                    name = topic_name(message.topic, self._prefix)
                    sent.append(await producer.send(name, message.value, message.key, headers=list(message.headers)))
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as error:
            for future in sent:
                future.cancel()
            why = str(error) or type(error).__name__
            raise Unavailable(f"Kafka did not acknowledge within {DELIVERY_S:g} s ({why}); send it again") from error

    async def run(self) -> None:
        """Connect, stay connected, and connect again after every loss, until cancelled."""
        while True:
            await until_listening(self._kafka, self._away)
            producer = self._new_producer()
            try:
                await producer.start()
                for topic in INBOUND:
                    await producer.partitions_for(topic_name(topic, self._prefix))
                self._producer = producer
                self._now("")
                await self._watch(producer)
            except KafkaError as error:
                self._away(await advice(self._kafka, error))
            except Exception as error:
                # Whatever it was, the next attempt begins anew; an API that gives up would be one that nobody watches.
                self._now(f"the connection to Kafka at {self._kafka} broke ({error!r})")
            finally:
                self._producer = None
                await stop_sending(producer, _CLOSE_S)
            await asyncio.sleep(_WATCH_WHILE_AWAY_S)

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        """Keep the connection in use, and return when it was of no use for too long."""
        heard_s = time.monotonic()
        while time.monotonic() - heard_s < _GIVE_UP_S:
            await asyncio.sleep(_WATCH_WHILE_AWAY_S if self.missing else _WATCH_S)
            if await _answers(producer):
                heard_s = time.monotonic()
                self._now("")
            else:
                self._now(f"Kafka at {self._kafka} does not answer")

    def _away(self, why: str) -> None:
        self._now(f"Kafka at {self._kafka} is away or lacks its topics, which `segue topics` creates: {why}")

    def _now(self, missing: str) -> None:
        """Remember what is missing, and log it when it is news."""
        if missing != self.missing:
            log.log(logging.WARNING if missing else logging.INFO, missing or "Kafka takes messages")
        self.missing = missing

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._kafka.client(),
            client_id="segue-api",
            acks="all",
            linger_ms=0,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            request_timeout_ms=round(DELIVERY_S * 1000),
            retry_backoff_ms=50,
            # Looked after by `_watch`: an idle connection that is closed costs the next rollback a handshake.
            connections_max_idle_ms=None,
        )


async def _answers(producer: AIOKafkaProducer) -> bool:
    # Asks for metadata over the connection that messages use, which is what keeps that one open.
    try:
        async with asyncio.timeout(DELIVERY_S):
            return bool(await producer.client.force_metadata_update())
    except (KafkaError, TimeoutError):
        return False
