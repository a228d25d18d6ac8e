"""The users: a steady stream of utterances from many people, and a record of who was served by which release."""

import asyncio
import random
import time
from dataclasses import dataclass, field

import aiohttp

from controller.demo.texts import SENTENCES


@dataclass(frozen=True, slots=True)
class Utterance:
    """
    One request as its user saw it.

    started_ms, ended_ms: since 1970. status: HTTP's, 0 when the connection broke. release, arm, epoch: who answered.
    failed_over_from: the release that was picked and failed before stable answered, else "".
    """

    user: str
    started_ms: float
    ended_ms: float
    status: int
    release: str
    arm: str
    epoch: int
    failed_over_from: str
    audio_bytes: int

    @property
    def picked(self) -> str:
        """The release the user was given first, whether or not it managed to answer."""
        return self.failed_over_from or self.release

    @property
    def failed(self) -> bool:
        """Say whether the user was left without their audio."""
        return self.status != 200 or self.audio_bytes == 0


@dataclass
class Load:
    """
    Utterances at an even rate, as long as the service keeps up; `spoken` grows as they end.

    at_once: so many wait for their audio at a time; who comes then waits until somebody was answered. On a machine that
    is too busy for the rate the line would grow for ever, and nothing but the line would be measured.
    """

    url: str
    service: str
    rate_per_s: float = 6
    users: int = 5000
    at_once: int = 12
    seed: int = 1865
    spoken: list[Utterance] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Speak until told to stop, then wait for what is still being spoken."""
        free = asyncio.Semaphore(self.at_once)
        chance = random.Random(self.seed)  # noqa: S311  # no secret: the same users say the same things in every demo
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
            asyncio.TaskGroup() as group,
        ):
            due, between_s = time.monotonic(), 1 / self.rate_per_s
            while not stop.is_set():
                user = f"user-{chance.randrange(self.users)}"
                await free.acquire()
                speaking = group.create_task(self._speak(session, user, chance.choice(SENTENCES)))
                speaking.add_done_callback(lambda _: free.release())
                # Who waited for their turn shift those after them: to make up for it would keep the line long.
                due = max(due, time.monotonic() - between_s) + between_s
                await asyncio.sleep(max(0, due - time.monotonic()))

    async def _speak(self, session: aiohttp.ClientSession, user: str, text: str) -> None:
        started_ms = time.time() * 1000
        status, audio_bytes, headers = 0, 0, {}
        try:
            body = {"model": self.service, "input": text, "response_format": "pcm"}
            async with session.post(
                f"{self.url}/v1/audio/speech", json=body, headers={"x-segue-user": user}
            ) as response:
                status, headers = response.status, dict(response.headers)
                audio_bytes = len(await response.read())
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self.spoken.append(
            Utterance(
                user=user,
                started_ms=started_ms,
                ended_ms=time.time() * 1000,
                status=status,
                release=headers.get("x-segue-release", ""),
                arm=headers.get("x-segue-arm", ""),
                epoch=int(headers.get("x-segue-epoch", 0)),
                failed_over_from=headers.get("x-segue-failed-over-from", ""),
                audio_bytes=audio_bytes,
            )
        )
