"""
An event loop in which time passes only when nobody has anything to do, and processes are as far apart as on machines.

What one process has made ready runs in that order, as asyncio promises. Which process is run next is drawn.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.process import RUNNING, Process


class Loop(asyncio.BaseEventLoop):
    """asyncio's own loop but for time, and for who is run. crashed: told of a process that its step count kills."""

    # asyncio's own names for what is ready and what is due; its stubs leave them out.
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, chance: Random, crashed: Callable[[Process], None]) -> None:
        super().__init__()
        self._now_s = 0.0
        self._chance = chance
        self._crashed = crashed
        self._held: dict[Process, deque[asyncio.Handle]] = {}
        self.set_task_factory(_task_of_process)
        self.set_exception_handler(self._remember)
        self.troubles: list[str] = []

    def time(self) -> float:
        """Return seconds since the beginning."""
        return self._now_s

    def resume(self, process: Process) -> None:
        """Let a process that was stopped go on with all that came to it meanwhile."""
        process.stopped = False
        self._ready.extend(self._held.pop(process, ()))

    def _remember(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(error := context.get("exception"), AssertionError):
            raise error
        self.troubles.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _run_once(self) -> None:
        if not self._ready:
            self._let_time_pass()
        for handle in self._drawn():
            if handle._cancelled:
                continue
            process = _of(handle)
            if process is not None and not self._may_run(process, handle):
                continue
            handle._run()

    def _may_run(self, process: Process, handle: asyncio.Handle) -> bool:
        if not process.alive:
            return False
        if process.stopped:
            self._held.setdefault(process, deque()).append(handle)
            return False
        if process.kill_at_step is not None and process.steps >= process.kill_at_step:
            self._crashed(process)
            return False
        process.steps += 1
        return True

    def _drawn(self) -> list[asyncio.Handle]:
        """Take what is ready: each process's in its order, the processes in any."""
        ready = list(self._ready)
        self._ready.clear()
        if len(ready) < 2:
            return ready
        by_process: dict[Process | None, list[asyncio.Handle]] = {}
        for handle in ready:
            by_process.setdefault(_of(handle), []).append(handle)
        if len(by_process) == 1:
            return ready
        order = list(by_process)
        self._chance.shuffle(order)
        return [handle for process in order for handle in by_process[process]]

    def _let_time_pass(self) -> None:
        due = self._scheduled
        while due and due[0]._cancelled:
            _forget(heapq.heappop(due))
        assert due, "nothing will ever happen any more"
        self._now_s = max(self._now_s, due[0].when())
        while due and due[0].when() <= self._now_s:
            handle = heapq.heappop(due)
            _forget(handle)
            self._ready.append(handle)


def _of(handle: asyncio.Handle) -> Process | None:
    process: Process | None = handle._context.get(RUNNING)  # type: ignore[attr-defined]  # see above
    return process


def _forget(handle: asyncio.TimerHandle) -> None:
    handle._scheduled = False  # type: ignore[attr-defined]  # see above


def _task_of_process(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **more)
    context = more.get("context")
    process = RUNNING.get() if context is None else context.get(RUNNING)
    if process is not None:
        process.tasks.append(task)
    return task
