"""Work of several processes: Python computes on one core a process, and services never wait for each other."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from typing import Final, TypeVar

A = TypeVar("A")
T = TypeVar("T")
Told = Callable[[int], None]
"""Is told how much is done so far."""

_LOOK_EVERY_S: Final = 0.2


def unheard(_number: int) -> None:
    """Be told of no progress."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def portions(items: Sequence[A], jobs: int) -> list[tuple[A, ...]]:
    """Divide items so that `jobs` processes are all busy to the end: several portions for each, none of them empty."""
    each = max(1, len(items) // (jobs * 8))
    return [tuple(items[at : at + each]) for at in range(0, len(items), each)]


# Not forked: this process may have threads, whose locks a fork would leave closed.
_CONTEXT: Final = multiprocessing.get_context("spawn")


@contextmanager
def processes(number: int, done: "Synchronized[int] | None" = None) -> Iterator[ProcessPoolExecutor]:
    """
    Give so many processes; when the block raises, is left early or interrupted, they end at once.

    done: where what `counted` gives adds up.
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(number, _CONTEXT, initializer=_begin, initargs=(done,))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.kill()
        raise
    pool.shutdown()


async def spread(jobs: int, work: Callable[[A], T], items: Sequence[A], told: Told = unheard) -> list[T]:
    """
    Return what work makes of each item, in their order, by so many processes.

    work: a function of a module, for each process imports it anew. told: is told what all of them have `counted`.
    Raises what work raises; whoever is interrupted ends the processes at once.
    """
    loop = asyncio.get_running_loop()
    done: Synchronized[int] = _CONTEXT.Value("q", 0)
    with processes(max(1, min(jobs, len(items))), done) as pool:
        all_ = asyncio.gather(*(loop.run_in_executor(pool, work, item) for item in items))
        try:
            while not all_.done():
                await asyncio.wait([all_], timeout=_LOOK_EVERY_S)
                told(done.get_obj().value)  # without its lock, which a process that was killed may hold for ever
            return await all_
        finally:
            all_.cancel()
            # Nobody else asks what became of it, and asyncio would log that as a mistake.
            await asyncio.gather(all_, return_exceptions=True)


def counted() -> Told:
    """Return what adds up in all processes of a spread, each time what is done of one item so far."""
    before = 0

    def told(number: int) -> None:
        nonlocal before
        for done in _done:
            with done.get_lock():
                done.value += number - before
        before = number

    return told


# What the spread that this process works for adds up in, if there is one.
_done: "list[Synchronized[int]]" = []


def _begin(done: "Synchronized[int] | None") -> None:
    _done[:] = [] if done is None else [done]
    # Ctrl-C goes to all processes of a terminal; what there is to say about it, the parent says.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
