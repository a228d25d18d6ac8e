"""A database that goes away costs time, never a message."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from controller.core.errors import Unavailable
from controller.handle import Outcome, handle
from controller.journal import Store, open_store, views
from controller.journal.schema import upgrade
from controller.parts.postgres import Postgres, start_postgres
from tests.journal.conftest import NewUrl, Opened
from tests.journal.messages import SERVICE, alert, installed, requested


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Postgres]:
    """A cluster that a test may kill."""
    running = start_postgres(tmp_path / "mortal")
    yield running
    running.erase()


async def test_postgres_dies_and_comes_back(mortal: Postgres, opened: Opened) -> None:
    """While it is away handling is Unavailable; once it is back the same store decides, and every commit is there."""
    url = mortal.create("segue")
    upgrade(url)
    store = await opened(url)
    await handle(store, installed())
    await store.wait_for_outbox(0.1)
    mortal.kill()
    with pytest.raises(Unavailable):
        await handle(store, [alert("1.4.0", 3_000)])
    with pytest.raises(Unavailable):
        await open_store(url)
    assert await store.wait_for_outbox(0.1) is False
    mortal.start()
    assert (await handle(store, [*installed(), alert("1.4.0", 3_000)])).outcomes == (
        Outcome.DUPLICATE,
        Outcome.DUPLICATE,
        Outcome.DECIDED,
    )
    assert await store.wait_for_outbox(5) is True


async def test_a_server_that_may_only_be_read_is_waited_for(new_url: NewUrl, opened: Opened) -> None:
    """In a fail-over PostgreSQL refuses to write for a while; that is no fault of a message, and it is tried again."""
    url = await new_url("postgresql")
    server = await asyncpg.connect(url.replace("+asyncpg", ""))
    name = url.rpartition("/")[2]
    await server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = await opened(url)
    with pytest.raises(Unavailable, match="read-only transaction"):
        await handle(store, installed())
    await server.close()


async def test_the_turn_of_a_machine_that_vanished_ends_soon(new_url: NewUrl, opened: Opened) -> None:
    """The server asks who holds the relay's turn whether it is still there, and gives it up on them within 11 s."""
    store = await opened(await new_url("postgresql"))
    limits = []
    for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"):
        ((limit,),) = await store.rows(text(f"SELECT current_setting('{name}')::int"), {})
        limits.append(limit)
    idle_s, interval_s, count = limits
    assert 0 < idle_s + interval_s * count <= 11


async def test_a_relay_whose_session_breaks_loses_its_turn(mortal: Postgres, opened: Opened) -> None:
    """It is told so at its next step, and a relay may begin anew."""
    url = mortal.create("segue")
    upgrade(url)
    store = await opened(url)
    await handle(store, installed())
    async with store.relay() as relay:
        assert await relay.next_batch(10)
        mortal.restart()
        with pytest.raises(Unavailable):
            await relay.next_batch(10)
    async with asyncio.timeout(5), store.relay() as relay:
        assert await relay.next_batch(10)


async def test_a_busy_store_is_waited_for(store: Store, url: str, kind: str) -> None:
    """Somebody else's lock of half a second delays a decision and nothing more."""
    await handle(store, installed())
    async with (_sqlite_rival if kind == "sqlite" else _postgres_rival)(url):
        deciding = asyncio.create_task(handle(store, [alert("1.4.0", 3_000)]))
        await asyncio.sleep(0.5)
        assert not deciding.done()
    assert (await deciding).outcomes == (Outcome.DECIDED,)
    assert len([fact async for fact in views.facts(store, SERVICE)]) == 5


@asynccontextmanager
async def _sqlite_rival(url: str) -> AsyncIterator[None]:
    rival = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    yield
    rival.execute("COMMIT")
    rival.close()


@asynccontextmanager
async def _postgres_rival(url: str) -> AsyncIterator[None]:
    rival = await asyncpg.connect(url.replace("+asyncpg", ""))
    async with rival.transaction():
        await rival.execute("SELECT 1 FROM services FOR UPDATE")
        yield
    await rival.close()


async def test_a_decider_that_is_stopped_half_way_leaves_the_store_usable(store: Store) -> None:
    """A cancelled batch is kept whole or not at all, and is decided when it comes again."""
    for number in range(20):
        batch = [requested(f"1.{number}.0", 1_000 + number, service=f"voice-{number}")]
        deciding = asyncio.create_task(handle(store, batch))
        await asyncio.sleep(0.0002 * number)
        deciding.cancel()
        await asyncio.gather(deciding, return_exceptions=True)
        await handle(store, batch)
        assert (await handle(store, batch)).outcomes == (Outcome.DUPLICATE,)
    assert [one.position for one in await views.services(store)] == [1] * 20
