"""
A simulated process: what runs in it can be stopped for a while, or killed between any two of its steps.

A step is what runs between two awaits. Killing drops the coroutines where they stand: what their `finally` blocks would
do to the outside comes too late, because everything simulated refuses a dead process. Locks on files fall free, as they
do when a process dies.
"""

import asyncio
import warnings
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final

RUNNING: Final[ContextVar["Process | None"]] = ContextVar("running", default=None)
"""The process that the code at hand is run by; none for what the outside does by itself."""

NOBODY: Final = Context()
"""Where what belongs to no process is run."""

_AWAITS_AT_MOST: Final = 100


class Killed(BaseException):
    """Ends a coroutine of a process that was killed; nothing in Segue catches it."""


class Process:
    """One life of a process. kill_at_step: after so many steps it is killed; None: it is not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.stopped = False
        self.steps = 0
        self.kill_at_step: int | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self.context: Context = copy_context()
        self.context.run(RUNNING.set, self)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work as this process's main task."""
        asyncio.get_running_loop().create_task(work, name=self.name, context=self.context)

    def kill(self) -> None:
        """Let nothing of this process happen any more."""
        self.alive = False
        with warnings.catch_warnings():
            # What a dying coroutine still meant to await.
            warnings.simplefilter("ignore", RuntimeWarning)
            buried = 0
            while buried < len(self.tasks):
                self.context.run(_bury, self.tasks[buried])
                buried += 1
            self.tasks.clear()


def current() -> Process:
    """Return the process that the code at hand is run by."""
    process = RUNNING.get()
    assert process is not None, "only a process speaks to what is simulated"
    if not process.alive:
        raise Killed
    return process


def _bury(task: "asyncio.Task[Any]") -> None:
    if task.done():
        return
    # It will never be run to its end, and that is no oversight.
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio names no other way
    coroutine = task.get_coro()
    assert coroutine is not None
    with _as_current(task):
        for _ in range(_AWAITS_AT_MOST):
            try:
                coroutine.throw(Killed())
            except BaseException:
                return
    raise AssertionError(f"{task!r} goes on awaiting when it is killed")


@contextmanager
def _as_current(task: "asyncio.Task[Any]") -> Iterator[None]:
    """Let asyncio believe that it runs this task: `finally` blocks ask for it."""
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    if running is not None:
        _leave_task(loop, running)
    _enter_task(loop, task)
    try:
        yield
    finally:
        _leave_task(loop, task)
        if running is not None:
            _enter_task(loop, running)
