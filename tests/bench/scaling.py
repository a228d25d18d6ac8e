"""
How much more two processes decide than one, each for services of its own, as two partitions of a topic share them out.

Both live throughout and take turns: now one of them decides, now both at once. Beside it, what two processes that share
nothing gain on this machine by working at once.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Final

from consumers.delivery import BATCH
from controller.bench.figures import Figure
from controller.handle import handle
from controller.journal import open_store
from controller.journal.schema import upgrade
from tests.bench.deciding import batch_of, decided_s
from tests.journal.messages import rolling

LEAST_OF_ONE: Final = 1.6
_PROCESSES: Final = 2
_SERVICES: Final = 50
_BATCHES_A_ROUND: Final = 10
_WARM: Final = 1
_ANSWERS_WITHIN_S: Final = 120.0
_HASHED: Final = 4_000

Begin = Callable[[Connection, str, int], None]


def measure(part: str, url: str, batches: int, *, store_is_shared: bool) -> list[Figure]:
    """
    Decide about so many batches on one empty store, by one process and by two in turn.

    store_is_shared: it lets two write at once, so there is a goal; where only one may write, the store is the limit.
    """
    upgrade(url)
    rounds = _WARM + max(3, batches // _BATCHES_A_ROUND)
    with _both(_deciding, url) as deciders:
        alone, together = _in_turn(deciders, rounds)
    with _both(_hashing, "") as floor:
        floor_alone, floor_together = _in_turn(floor, rounds)
    times, most = _PROCESSES * alone / together, _PROCESSES * floor_alone / floor_together
    messages = _PROCESSES * BATCH * _BATCHES_A_ROUND / together
    told = f"{messages:,.0f}/s together; two that only compute, at once: {most:.2f} times"
    limit = "" if store_is_shared else "; one transaction writes at a time, so the store is the limit"
    return [
        Figure(
            part,
            "messages decided by two processes, of one",
            times,
            "times",
            least=LEAST_OF_ONE if store_is_shared else None,
            told=told + limit,
        )
    ]


@contextmanager
def _both(begin: Begin, url: str) -> Iterator[Sequence[Connection]]:
    """Start two processes; each does a round of work whenever it is sent something, and answers when it is done."""
    context = get_context("spawn")
    pipes = [context.Pipe() for _ in range(_PROCESSES)]
    started = [
        context.Process(target=begin, args=(inner, url, number), daemon=True) for number, (_, inner) in enumerate(pipes)
    ]
    for process in started:
        process.start()
    ends = [outer for outer, _ in pipes]
    try:
        _wait(ends)
        yield ends
    finally:
        for end in ends:
            end.close()
        for process in started:
            process.terminate()
            process.join()


def _in_turn(ends: Sequence[Connection], rounds: int) -> tuple[float, float]:
    """Return how long a round of one takes, and a round of both at once, seconds."""
    alone, together = list[float](), list[float]()
    for number in range(rounds):
        alone.append(_round_s([ends[number % _PROCESSES]]))
        together.append(_round_s(ends))
    return median(alone[_WARM:]), median(together[_WARM:])


def _round_s(ends: Sequence[Connection]) -> float:
    began = time.perf_counter()
    for end in ends:
        end.send(None)
    _wait(ends)
    return time.perf_counter() - began


def _wait(ends: Sequence[Connection]) -> None:
    for end in ends:
        if not end.poll(_ANSWERS_WITHIN_S):
            raise TimeoutError(f"a process of the bench did not answer within {_ANSWERS_WITHIN_S:g} s")
        end.recv()


def _deciding(end: Connection, url: str, number: int) -> None:
    asyncio.run(_decide(end, url, number))


async def _decide(end: Connection, url: str, number: int) -> None:
    store = await open_store(url)
    names = [f"voice-{number}-{place:03d}" for place in range(_SERVICES)]
    for name in names:
        await handle(store, [*rolling("1.4.0", 5_000, name), *rolling("1.5.0", 9_000, name)])
    end.send(None)
    batch = 0
    while _asked(end):
        for _ in range(_BATCHES_A_ROUND):
            await decided_s(store, batch_of(batch, lambda place: names[place % _SERVICES]))
            batch += 1
        end.send(None)


def _hashing(end: Connection, _url: str, _number: int) -> None:
    end.send(None)
    while _asked(end):
        for _ in range(_HASHED):
            sha256(b"x" * 40_000).hexdigest()
        end.send(None)


def _asked(end: Connection) -> bool:
    try:
        end.recv()
    except EOFError:
        return False
    return True
