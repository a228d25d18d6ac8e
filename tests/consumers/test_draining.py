"""How long a release that nobody wants any more is kept: while a router may speak with it, and never past a ceiling."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from asyncpg import Connection

from consumers.draining import Draining
from controller.handle import handle
from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.parts.postgres import Postgres
from controller.wire.inbound import Input
from controller.wire.messages import MessageType
from tests.journal import messages
from tests.journal.messages import SERVICE, applied, installed, ordered, release, rolling

LEFT = release("1.5.0").ensemble
FOR_EVER_S = 3600.0
SOON_S = 0.3


def rolled_back(service: str = SERVICE) -> list[Input]:
    """Table 2 names 1.5.0, table 3 does not any more."""
    taken_back = ordered(MessageType.ROLLBACK, 12_000, service)
    return [*installed(service), *rolling("1.5.0", 10_000, service), taken_back]


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of its own, without any other part."""
    shutil.copy(template, tmp_path / "alone.db")
    store = await open_store(f"sqlite:///{tmp_path}/alone.db")
    yield store
    await store.close()


@pytest.fixture
async def postgres_store(postgres: Postgres) -> AsyncIterator[Store]:
    """The same on PostgreSQL."""
    url = postgres.create("segue")
    upgrade(url)
    store = await open_store(url)
    yield store
    await store.close()


@pytest.fixture
async def server(postgres: Postgres) -> AsyncIterator[Connection]:
    """A connection of the server's owner."""
    connection = await asyncpg.connect(postgres.url().replace("+asyncpg", ""))
    yield connection
    await connection.close()


class Leaving:
    """A release on its way out, and who knows of news."""

    def __init__(self, store: Store, *services: str, ceiling_s: float = FOR_EVER_S) -> None:
        self._store = store
        self._news = asyncio.Event()
        waiting = Draining(store, ceiling_s).drained(LEFT, set(services or [SERVICE]), self._news)
        self._task = asyncio.create_task(waiting)

    async def told(self, *news: Input) -> None:
        """Something is recorded, and whoever waits is told."""
        await handle(self._store, news)
        self._news.set()

    async def stays(self) -> bool:
        """Say whether it is still waited for, after all there is to hear was heard."""
        await asyncio.wait([self._task], timeout=0.1)
        return not self._task.done()

    async def why(self) -> str:
        """Return why it may go, once it may."""
        async with asyncio.timeout(10):
            return await self._task


async def test_release_that_nobody_hears_goes_at_once(store: Store) -> None:
    """When every router goes on without it and has no utterance on it, nothing is waited for."""
    await handle(store, [*rolled_back(), applied(3, 12_500, "1.4.0")])
    assert await Leaving(store).why() == "it carries no traffic, and after 0.0 s nobody heard it any more"


async def test_release_goes_with_its_last_utterance(store: Store) -> None:
    """Two routers speak with it; it is kept until both have said that they do no more."""
    await handle(store, rolled_back())
    leaving = Leaving(store)
    await leaving.told(*(applied(3, 12_500, "1.4.0", "1.5.0", router=router) for router in ("a", "b")))
    await leaving.told(messages.drained("1.5.0", 3, 13_000, router="a"))
    assert await leaving.stays()
    await leaving.told(messages.drained("1.5.0", 3, 14_000, router="b"))
    assert "nobody heard it any more" in await leaving.why()


async def test_word_that_was_missed_is_found(store: Store) -> None:
    """Nobody need be told of news: the journal is looked at in any case."""
    await handle(store, [*rolled_back(), applied(3, 12_500, "1.4.0", "1.5.0")])
    leaving = Leaving(store)
    assert await leaving.stays()
    await handle(store, [messages.drained("1.5.0", 3, 13_000)])
    assert "nobody heard it any more" in await leaving.why()


async def test_router_that_is_about_to_route_by_it_is_waited_for(store: Store) -> None:
    """A rollback right after the first table: the router has not even reported that one when the release leaves."""
    await handle(store, [*rolled_back(), applied(3, 12_400, "1.4.0", router="b"), applied(1, 5_000, "1.4.0")])
    leaving = Leaving(store)
    assert await leaving.stays()
    await leaving.told(applied(2, 12_500, "1.4.0", "1.5.0"), applied(3, 12_600, "1.4.0", "1.5.0"))
    assert await leaving.stays()
    await leaving.told(messages.drained("1.5.0", 3, 13_000))
    assert "nobody heard it any more" in await leaving.why()


async def test_killed_gateway_is_waited_for_to_the_ceiling(store: Store) -> None:
    """One that spoke with it and says nothing more is named when the time is over."""
    both = [applied(3, 12_500, "1.4.0", "1.5.0", router="gateway@killed"), applied(3, 12_500, "1.4.0")]
    await handle(store, [*rolled_back(), *both])
    assert await Leaving(store, ceiling_s=SOON_S).why() == (
        "it carries no traffic, and SEGUE_DRAIN_S (0.3 s) was over while gateway@killed might still speak with it"
    )


async def test_older_gateways_are_waited_for_by_the_clock(store: Store) -> None:
    """One that does not say with whom it speaks may speak with anybody."""
    await handle(store, [*rolled_back(), applied(3, 12_500, told=False)])
    assert await Leaving(store, ceiling_s=SOON_S).why() == (
        "it carries no traffic, and SEGUE_DRAIN_S (0.3 s) was over while no router had said that it goes on without it "
        "in hibari"
    )


async def test_release_of_two_services_is_waited_for_by_both(store: Store) -> None:
    """What one service gave up may still be heard in the other."""
    await handle(store, [*rolled_back(), *rolled_back("other"), applied(3, 12_500, "1.4.0")])
    await handle(store, [applied(3, 12_500, "1.4.0", "1.5.0", service="other")])
    leaving = Leaving(store, SERVICE, "other")
    assert await leaving.stays()
    await leaving.told(messages.drained("1.5.0", 3, 13_000, service="other"))
    assert "nobody heard it any more" in await leaving.why()


async def test_release_that_was_never_routed_waits_for_nobody(store: Store) -> None:
    """A candidate that was taken back while it was being prepared was heard by nobody, whoever reports."""
    taken_back = [*installed(), rolling("1.5.0", 10_000)[0], ordered(MessageType.ROLLBACK, 12_000)]
    await handle(store, taken_back)
    assert "nobody heard it any more" in await Leaving(store).why()


async def test_any_number_of_them_leaves_connections_to_others(postgres_store: Store, server: Connection) -> None:
    """However many leave at once, a few connections are enough to learn who speaks with them."""
    services = [f"voice-{number}" for number in range(40)]
    for service in services:
        await handle(postgres_store, [*rolled_back(service), applied(3, 12_500, "1.4.0", service=service)])
    draining = Draining(postgres_store, FOR_EVER_S)
    whys = await asyncio.gather(*(draining.drained(LEFT, {service}, asyncio.Event()) for service in services))
    assert all("nobody heard it any more" in why for why in whys)
    # One of them writes.
    assert await server.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'segue'") <= 4
