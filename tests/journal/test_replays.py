"""Several processes replay what one does, and whatever stops one of them stops all."""

import asyncio
import multiprocessing
import os
import time

import pytest

from controller.core.errors import Broken
from controller.handle import handle
from controller.journal import Store
from controller.journal.facts import streams
from controller.replay import Until, replay_sql
from controller.replays import all_from_sql
from controller.spread import portions, spread
from tests.journal.messages import alert, installed


async def test_several_processes_replay_what_one_does(store: Store, url: str) -> None:
    """Every service's history is the same, in the same order, also when it ends early."""
    names = ["a.voice", "a-voice", "hibari", "suzume", "zzz"]
    for name in reversed(names):
        await handle(store, [*installed(name), alert("1.4.0", 50_000, service=name)])
    assert sorted(await streams(store)) == sorted(names)
    for until in (Until(), Until(at_ms=10_000)):
        alone, shared = await replay_sql(store, until=until), await all_from_sql(store, url, until, jobs=2)
        assert shared == alone
        assert list(shared) == sorted(names)


async def test_an_empty_journal_has_nothing_to_share(store: Store, url: str) -> None:
    """No stream, no history, however many processes are allowed."""
    assert await all_from_sql(store, url, jobs=2) == {}


async def test_what_stops_one_process_stops_all() -> None:
    """The error comes through as it was raised, long before the others would be done."""
    since = time.monotonic()
    with pytest.raises(Broken, match="it is enough"):
        await spread(2, _slow_or_broken, [60.0, -1.0])
    assert time.monotonic() - since < 30


async def test_who_stops_waiting_ends_the_processes() -> None:
    """A replay that is interrupted leaves nobody behind who goes on computing."""
    waiting = asyncio.create_task(spread(2, _slow_or_broken, [60.0, 60.0]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    # Not by joining them: the pool's own thread does, and of two that join one may hear nothing.
    async with asyncio.timeout(20):
        while multiprocessing.active_children():  # noqa: ASYNC110  # no event comes from there
            await asyncio.sleep(0.05)


async def test_answers_come_in_the_order_of_what_was_asked() -> None:
    """Whoever is done first, the answers stand where their questions stood, and other processes gave them."""
    found = await spread(2, _named, list(range(9)))
    assert [number for number, _ in found] == list(range(9))
    assert os.getpid() not in {process for _, process in found}


@pytest.mark.parametrize(("items", "jobs"), [(0, 2), (1, 2), (16, 2), (1000, 3)])
def test_portions_hold_everything_once(items: int, jobs: int) -> None:
    """Nothing is left out or done twice, and there are enough portions for everybody."""
    divided = portions(range(items), jobs)
    assert [one for portion in divided for one in portion] == list(range(items))
    assert len(divided) >= min(items, jobs)
    assert all(divided)


def _slow_or_broken(for_s: float) -> None:
    if for_s < 0:
        raise Broken("it is enough")
    time.sleep(for_s)


def _named(number: int) -> tuple[int, int]:
    return number, os.getpid()
