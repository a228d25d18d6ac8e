"""Users who speak at an even rate, whatever becomes of it, over as many connections as that takes."""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Final

from tests.bench.speech.line import AUDIO_BYTES, Heard, Line, connected, speech

_SEED: Final = 20
_ANSWERS_TO_BELIEVE: Final = 5


@dataclass(frozen=True, slots=True)
class Spoken:
    """
    One request as its user saw it. ended_s: by `Crowd.now_s`. took_s: from when the user meant to ask.

    candidate: whether the candidate was picked, whoever answered; None when that is not told, as in a refusal.
    """

    ended_s: float
    took_s: float
    failed: bool
    candidate: bool | None


class Crowd:
    """See the module. Use it inside one running event loop, and close it."""

    def __init__(self, address: str, service: str, rate_per_s: float) -> None:
        self._address = address
        self._service = service
        self._rate_per_s = rate_per_s
        self._chance = random.Random(_SEED)  # noqa: S311  # no secret
        self._idle: list[Line] = []

    @staticmethod
    def now_s() -> float:
        """Return the time of this crowd, seconds from any beginning."""
        return time.perf_counter()

    async def speak(self, for_s: float) -> list[Spoken]:
        """Let users speak for so long; return when all were answered."""
        began_s = self.now_s()
        async with asyncio.TaskGroup() as group:
            speaking = []
            for number in range(int(for_s * self._rate_per_s)):
                due_s = began_s + number / self._rate_per_s
                await asyncio.sleep(max(0.0, due_s - self.now_s()))
                speaking.append(group.create_task(self._once(due_s)))
        return [task.result() for task in speaking]

    async def until_candidate_speaks(self, within_s: float) -> None:
        """Wait until the candidate itself answers its users again. Raises TimeoutError."""
        in_a_row = 0
        async with asyncio.timeout(within_s):
            while in_a_row < _ANSWERS_TO_BELIEVE:
                answer = await self._ask()
                if picked_candidate(answer):
                    itself = answer.headers.get(b"x-segue-arm") == b"candidate"
                    in_a_row = in_a_row + 1 if itself else 0
                await asyncio.sleep(0.01)

    def close(self) -> None:
        """End the connections."""
        while self._idle:
            self._idle.pop().close()

    async def _once(self, due_s: float) -> Spoken:
        answer = await self._ask()
        ended_s = self.now_s()
        failed = answer.status != 200 or answer.body_bytes != AUDIO_BYTES
        return Spoken(ended_s, ended_s - due_s, failed, None if failed else picked_candidate(answer))

    async def _ask(self) -> Heard:
        # What lies idle for longer than a gateway keeps it is closed by then.
        self._idle = [line for line in self._idle if not line.ended]
        line = self._idle.pop() if self._idle else await connected(self._address)
        answer = await line.ask(speech(self._service, f"user-{self._chance.random()}"))
        if answer.status:
            self._idle.append(line)
        return answer


def picked_candidate(answer: Heard) -> bool:
    """Say whether the candidate was picked for this user, whoever answered."""
    return answer.headers.get(b"x-segue-arm") == b"candidate" or b"x-segue-failed-over-from" in answer.headers
