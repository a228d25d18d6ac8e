"""Waiting: between attempts, longer each time up to a limit, and never longer than the process wants to live."""

import asyncio
from collections.abc import Iterator
from typing import Any


def delays_s(first_s: float = 0.1, most_s: float = 5.0) -> Iterator[float]:
    """Yield the waits between attempts, in seconds, without end: doubling from first_s, then most_s each time."""
    delay_s = first_s
    while True:
        yield delay_s
        delay_s = min(delay_s * 2, most_s)


async def pause(stopping: asyncio.Event, delay_s: float) -> bool:
    """Wait delay_s seconds, or less when the process is asked to stop; say whether it was."""
    try:
        async with asyncio.timeout(delay_s):
            await stopping.wait()
    except TimeoutError:
        return False
    return True


async def until_stopped(stopping: asyncio.Event, work: "asyncio.Future[Any]") -> bool:
    """Wait until the work is done, or the process is asked to stop; say whether the work is done."""
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((stop, work), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
    return work.done()
