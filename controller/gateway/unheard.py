"""What speaks and nobody hears, by service: it goes on by itself, and whoever serves the application ends it."""

import asyncio
from collections.abc import Coroutine
from typing import Any


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
