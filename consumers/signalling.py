"""What workers report, on its way to `signals.reported`."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from controller.core.errors import Unavailable
from controller.wire.envelope import HEADERS, encode
from controller.wire.messages import MessageType

_SEND_S: Final = 10.0


class Signals:
    """Sends one worker's reports through one producer."""

    def __init__(self, kafka: AIOKafkaProducer, topic: str, source: str) -> None:
        """source: who reports, as CloudEvents name it."""
        self._kafka = kafka
        self._topic = topic
        self._source = source

    async def send(self, type: MessageType, id: str, service: str, data: Mapping[str, object]) -> None:
        """
        Send one report; returns once Kafka has it, or raises Unavailable.

        id: made of what is reported, not of when, so that a report that is sent again stays quiet.
        """
        body = encode(type, self._source, id, service, data, time.time_ns() // 1_000_000)
        try:
            async with asyncio.timeout(_SEND_S):
                await self._kafka.send_and_wait(self._topic, body, key=service.encode(), headers=list(HEADERS))
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"Kafka did not take the report {id} within {_SEND_S:g} s ({error})") from error
