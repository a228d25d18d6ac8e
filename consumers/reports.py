"""
What the release worker reports, as messages on `signals.reported`.

Ids are made of what is reported, not of when: a report that is sent again, by this worker or by the one after it, is
known to the inbox and stays quiet. Rollout and incident name the service, so every id is one service's alone: else the
second service's would pass for a repetition of the first one's. Said once, for an id has 256 characters at most.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from controller.core.errors import Unavailable
from controller.wire.envelope import HEADERS, encode
from controller.wire.messages import MessageType

_SOURCE: Final = "segue/releases"
_SEND_S: Final = 10.0
_LONGEST_REASON: Final = 2_000


class Reports:
    """Sends reports through one producer; each method returns once Kafka has the message, or raises Unavailable."""

    def __init__(self, kafka: AIOKafkaProducer, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic

    async def ready(
        self, service: str, rollout: str, ensemble: str, *, load_s: float, latency_s: float, audio_s: float
    ) -> None:
        """Report that a rollout's release is loaded and spoke."""
        data = {"ensemble": ensemble, "load_s": load_s, "probe_latency_s": latency_s, "probe_audio_s": audio_s}
        await self._send(MessageType.READY, f"ready/{rollout}/{ensemble}", service, data)

    async def failed(self, service: str, incident: str, ensemble: str, *, unknown: bool, reason: str) -> None:
        """Report that a release cannot be loaded or fell silent. incident: tells this service and time from others."""
        data = {"ensemble": ensemble, "unknown": unknown, "reason": reason[:_LONGEST_REASON]}
        await self._send(MessageType.FAILED, f"failed/{incident}/{ensemble}", service, data)

    async def unloaded(self, service: str, incident: str, ensemble: str, *, reason: str) -> None:
        """Report that a release was drained and unloaded."""
        await self._send(
            MessageType.UNLOADED, f"unloaded/{incident}/{ensemble}", service, {"ensemble": ensemble, "reason": reason}
        )

    async def _send(self, type: MessageType, id: str, service: str, data: Mapping[str, object]) -> None:
        body = encode(type, _SOURCE, id, service, data, time.time_ns() // 1_000_000)
        try:
            async with asyncio.timeout(_SEND_S):
                await self._kafka.send_and_wait(self._topic, body, key=service.encode(), headers=list(HEADERS))
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"Kafka did not take the report {id} within {_SEND_S:g} s ({error})") from error
