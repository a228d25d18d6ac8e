"""Whoever uses a store sees who else does, and that one is gone, on both stores."""

import asyncio

import asyncpg
import pytest

from controller.core.errors import Unavailable
from controller.journal.lives import Life
from tests.journal.conftest import NewUrl, Opened
from tests.journal.process import another


async def test_the_living_see_each_other(kind: str, new_url: NewUrl, opened: Opened) -> None:
    """Each sees itself and all others, whoever came first; one that ends in order is gone at once."""
    url = await new_url(kind)
    first, second = await opened(url), await opened(url)
    async with first.life() as one:
        assert await one.living() == {one.name}
        async with second.life() as other:
            assert await other.living() == await one.living() == {one.name, other.name}
        assert await one.living() == {one.name}


async def test_a_killed_process_is_gone(kind: str, new_url: NewUrl, opened: Opened) -> None:
    """Kill -9 leaves nothing behind by which a process would still seem to live."""
    url = await new_url(kind)
    store = await opened(url)
    async with store.life() as life:
        with another("live", url) as doomed:
            assert doomed.stdout is not None
            name = (await asyncio.to_thread(doomed.stdout.readline)).strip()
            assert await life.living() == {life.name, name}
            doomed.kill()
            doomed.wait()
            # A server notices a moment later.
            while await life.living() != {life.name}:  # noqa: ASYNC110  # a lock tells nobody
                await asyncio.sleep(0.01)
        assert life.since == 1


async def test_a_life_outlasts_its_session(new_url: NewUrl, opened: Opened) -> None:
    """On PostgreSQL a lock that was lost with its session is taken again under the same name, and that is told."""
    url = await new_url("postgresql")
    store, other = await opened(url), await opened(url)
    async with store.life() as life, other.life() as witness:
        await life.living()
        await _end_sessions(url, life)
        with pytest.raises(Unavailable):
            await life.living()
        assert await witness.living() == {witness.name}
        assert await life.living() == {life.name, witness.name}
        assert life.since == 2


async def _end_sessions(url: str, life: Life) -> None:
    server = await asyncpg.connect(url.replace("+asyncpg", ""))
    held = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1"
    await server.execute(held, int(life.name, 16))
    await server.close()


async def test_stores_know_their_own_alone(kind: str, new_url: NewUrl, opened: Opened) -> None:
    """Who lives on one store is not seen on another, be it on the same server."""
    here, there = await opened(await new_url(kind)), await opened(await new_url(kind))
    async with here.life() as one, there.life() as other:
        assert await one.living() == {one.name}
        assert await other.living() == {other.name}
