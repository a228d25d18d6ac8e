"""Work of several processes: Python computes on one core a process, and services never wait for each other."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

A = TypeVar("A")
T = TypeVar("T")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def portions(items: Sequence[A], jobs: int) -> list[tuple[A, ...]]:
    """Divide items so that `jobs` processes are all busy to the end: several portions for each, none of them empty."""
    each = max(1, len(items) // (jobs * 8))
    return [tuple(items[at : at + each]) for at in range(0, len(items), each)]


@contextmanager
def processes(number: int) -> Iterator[ProcessPoolExecutor]:
    """Give so many processes; when the block raises, is left early or interrupted, they end at once."""
    # Not forked: this process may have threads, whose locks a fork would leave closed.
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(number, context, initializer=_quiet)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    pool.shutdown()


async def spread(jobs: int, work: Callable[[A], T], items: Sequence[A]) -> list[T]:
    """
    Return what work makes of each item, in their order, by so many processes.

    work: a function of a module, for each process imports it anew. Raises what work raises; whoever is interrupted
    ends the processes at once.
    """
    loop = asyncio.get_running_loop()
    with processes(max(1, min(jobs, len(items)))) as pool:
        return await asyncio.gather(*(loop.run_in_executor(pool, work, item) for item in items))


def _quiet() -> None:
    # Ctrl-C goes to all processes of a terminal; what there is to say about it, the parent says.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
