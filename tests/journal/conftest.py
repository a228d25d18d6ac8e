"""
Fresh stores: SQLite in a file, PostgreSQL in a database of its own on a cluster that the session shares.

And somebody with a key, for what is signed in them.
"""

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.outside.signing import Signer, Trusted, make_key, read_signer, read_trusted
from controller.parts.postgres import Postgres, start_postgres

KINDS = ("sqlite", "postgresql")

NewUrl = Callable[[str], Awaitable[str]]
Opened = Callable[[str], Awaitable[Store]]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL cluster with durable commits."""
    running = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield running
    running.erase()


@pytest.fixture(scope="session")
def templates(cluster: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create one store of each kind with the newest schema, to be copied; return the SQLite one."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{file}")
    upgrade(cluster.create("template_segue"))
    return file


@pytest.fixture
async def new_url(cluster: Postgres, templates: Path, tmp_path: Path) -> AsyncIterator[NewUrl]:
    """Make a new store of a kind, empty, with the newest schema, and return its address; gone after the test."""
    server = await asyncpg.connect(cluster.url().replace("+asyncpg", ""))
    made: list[str] = []

    async def make(kind: str) -> str:
        if kind == "sqlite":
            file = tmp_path / f"segue-{next(_NUMBERS)}.db"
            shutil.copy(templates, file)
            return f"sqlite:///{file}"
        made.append(f"segue_{next(_NUMBERS)}")
        await server.execute(f"CREATE DATABASE {made[-1]} TEMPLATE template_segue")
        return cluster.url(made[-1])

    yield make
    for name in made:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of store; every test that asks for one runs once on each kind."""
    return str(request.param)


@pytest.fixture
async def url(kind: str, new_url: NewUrl) -> str:
    """The address of a new store."""
    return await new_url(kind)


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Open stores as further processes would, and close them after the test."""
    stores: list[Store] = []

    async def open_one(url: str) -> Store:
        stores.append(await open_store(url))
        return stores[-1]

    yield open_one
    for one in stores:
        await one.close()


@pytest.fixture
async def store(url: str, opened: Opened) -> Store:
    """A new store, opened."""
    return await opened(url)


_NUMBERS = itertools.count(1)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """Somebody with a key."""
    make_key(tmp_path / "key.pem")
    return read_signer(str(tmp_path / "key.pem"))


@pytest.fixture
def trusted(signer: Signer) -> Trusted:
    """Those who believe that key."""
    return read_trusted("", signer)
