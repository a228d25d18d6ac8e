"""What speaks and nobody hears, by service: it goes on by itself, and whoever serves the application ends it."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any

from controller.gateway.admission import Crowded
from controller.gateway.attempt import Attempt
from controller.gateway.engine import ReleaseFault, TakenBack

log = logging.getLogger(__name__)


class Unheard:
    """The tasks at work. Use it inside one running event loop."""

    def __init__(self) -> None:
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}

    def at_work(self, service: str) -> int:
        """Return how many of a service are at work."""
        return len(self._tasks.get(service, ()))

    def start(self, service: str, speaking: Coroutine[Any, Any, None]) -> None:
        """Let it go on by itself."""
        tasks = self._tasks.setdefault(service, set())
        task = asyncio.create_task(speaking)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def end(self) -> None:
        """Cancel all that are at work, and wait until they are gone."""
        tasks = [task for tasks in self._tasks.values() for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def to_its_end(begun: Awaitable[None], attempt: Attempt) -> None:
    """Let an attempt speak all that it has to, for its counts alone. begun: its `begin`, which may be under way."""
    # Of what nobody hears nothing is kept.
    attempt.copied = True
    try:
        await begun
        async for _ in attempt.rest():
            pass
    except (ReleaseFault, Crowded, TakenBack):
        # It was counted, which is all it went on for; or its release was taken back, and it says nothing any more.
        pass
    except Exception:
        log.exception("an attempt that nobody hears broke", extra={"service": attempt.utterance.table.service})
    finally:
        attempt.leave()
