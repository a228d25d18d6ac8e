"""Alerts as Alertmanager sends them: in notifications of one service each, again until they are taken."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from controller.core.names import Release
from tests.bench.services import webhook

AT_ONCE: Final = 8
IN_ONE: Final = 20
_AGAIN_S: Final = 0.2


@dataclass(slots=True)
class Sent:
    """taken: alerts that were answered 202. refused: notifications that had to be sent again."""

    taken: int = 0
    refused: int = 0
    posted_ms: dict[str, float] = field(default_factory=dict)


async def flood(
    client: httpx.AsyncClient, services: Sequence[str], release: Release, alerts: int, a_minute: int
) -> Sent:
    """Send so many alerts about these services in turn, no faster than this; return when all are taken."""
    sent, began, numbers = Sent(), time.monotonic(), iter(range(0, alerts, IN_ONE))

    async def send() -> None:
        for first in numbers:
            await asyncio.sleep(max(0.0, began + first * 60 / a_minute - time.monotonic()))
            service = services[first // IN_ONE % len(services)]
            count = min(IN_ONE, alerts - first)
            await post(client, _about(service, release, range(first, first + count)), sent)
            sent.taken += count

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    return sent


async def rescue(client: httpx.AsyncClient, services: Sequence[str], release: Release, every_s: float) -> Sent:
    """Send one alert about each of these services, one after another; note when each was sent."""
    sent = Sent()
    for service in services:
        await asyncio.sleep(every_s)
        sent.posted_ms[service] = time.time() * 1000
        await post(client, webhook(service, release), sent)
    return sent


async def post(client: httpx.AsyncClient, body: object, sent: Sent) -> None:
    """Send a notification until it is taken."""
    while True:
        try:
            answer = await client.post("/alertmanager", json=body)
        except httpx.TransportError:
            pass
        else:
            if answer.status_code == httpx.codes.ACCEPTED:
                return
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
        sent.refused += 1
        await asyncio.sleep(_AGAIN_S)


def _about(service: str, release: Release, numbers: range) -> dict[str, object]:
    body = webhook(service, release)
    alerts = body["alerts"]
    assert isinstance(alerts, list)
    return {**body, "alerts": [{**alerts[0], "fingerprint": f"{service}-{number}"} for number in numbers]}
