"""What goes on all the time: people speak, and messages of all kinds are published; what they were told is kept."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp

_PATIENCE_S = 10
_TEXT = "Take some more tea."


@dataclass(frozen=True, slots=True)
class Utterance:
    """
    One request as its user saw it.

    gateway: who answered last. began_ms, ended_ms: since 1970, of that try. status: HTTP's, 0 when no answer came.
    picked: the release chosen for the user, whether or not it managed to answer. tried: gateways asked; a user is sent
    to the other one, as by any balancer, when a connection cannot be made or breaks.
    """

    gateway: str
    service: str
    began_ms: float
    ended_ms: float
    status: int
    epoch: int
    picked: str
    tried: int

    @property
    def failed(self) -> bool:
        """Say whether the user was left without their audio."""
        return self.status != 200


@dataclass
class Users:
    """People who speak at an even rate, whatever becomes of it; `spoken` grows as they end."""

    gateways: Mapping[str, str]
    services: Sequence[str]
    rate_per_s: float
    seed: int
    spoken: list[Utterance] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Let them speak until the block ends."""
        thread = threading.Thread(target=lambda: asyncio.run(self._speak()), name="users")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    async def _speak(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311  # no secret
        names = list(self.gateways)
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            began, count = time.monotonic(), 0
            while not self._stop.is_set():
                first = count % len(names)
                order = names[first:] + names[:first]
                group.create_task(self._utter(session, order, chance.choice(self.services), f"u{chance.random()}"))
                count += 1
                await asyncio.sleep(max(0.0, began + count / self.rate_per_s - time.monotonic()))

    async def _utter(self, session: aiohttp.ClientSession, gateways: Sequence[str], service: str, user: str) -> None:
        body = {"model": service, "input": _TEXT, "response_format": "pcm"}
        for tried, gateway in enumerate(gateways, 1):
            began_ms, status, headers = time.time() * 1000, 0, {}
            url = f"{self.gateways[gateway]}/v1/audio/speech"
            try:
                async with session.post(url, json=body, headers={"x-segue-user": user}) as response:
                    headers = dict(response.headers)
                    await response.read()
                    status = response.status
            except (aiohttp.ClientError, TimeoutError):
                if tried < len(gateways):
                    continue
            release = headers.get("x-segue-release", "")
            self.spoken.append(
                Utterance(
                    gateway=gateway,
                    service=service,
                    began_ms=began_ms,
                    ended_ms=time.time() * 1000,
                    status=status,
                    epoch=int(headers.get("x-segue-epoch", 0)),
                    picked=headers.get("x-segue-failed-over-from", release),
                    tried=tried,
                )
            )
            return
