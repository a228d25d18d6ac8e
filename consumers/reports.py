"""
What the release worker reports, as messages on `signals.reported`.

Ids are made of what is reported, not of when: a report that is sent again, by this worker or by the one after it, is
known to the inbox and stays quiet. Rollout and incident name the service, so every id is one service's alone: else the
second service's would pass for a repetition of the first one's. Said once, for an id has 256 characters at most.
"""

from typing import Final

from aiokafka import AIOKafkaProducer

from consumers.signalling import Signals
from controller.wire.messages import MessageType

_LONGEST_REASON: Final = 2_000


class Reports:
    """Sends reports through one producer; each method returns once Kafka has the message, or raises Unavailable."""

    def __init__(self, kafka: AIOKafkaProducer, topic: str) -> None:
        self._signals = Signals(kafka, topic, "segue/releases")

    async def ready(
        self, service: str, rollout: str, ensemble: str, *, load_s: float, latency_s: float, audio_s: float
    ) -> None:
        """Report that a rollout's release is loaded and spoke."""
        data = {
            "ensemble": ensemble,
            "rollout": rollout,
            "load_s": load_s,
            "probe_latency_s": latency_s,
            "probe_audio_s": audio_s,
        }
        await self._signals.send(MessageType.READY, f"ready/{rollout}/{ensemble}", service, data)

    async def failed(
        self, service: str, incident: str, ensemble: str, *, rollout: str, unknown: bool, reason: str
    ) -> None:
        """Report that a release cannot be loaded or fell silent. incident: tells this service and time from others."""
        data = {"ensemble": ensemble, "rollout": rollout, "unknown": unknown, "reason": reason[:_LONGEST_REASON]}
        await self._signals.send(MessageType.FAILED, f"failed/{incident}/{ensemble}", service, data)

    async def unloaded(self, service: str, incident: str, ensemble: str, *, reason: str) -> None:
        """Report that a release was drained and unloaded."""
        data = {"ensemble": ensemble, "reason": reason}
        await self._signals.send(MessageType.UNLOADED, f"unloaded/{incident}/{ensemble}", service, data)
