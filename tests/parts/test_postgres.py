"""A local PostgreSQL keeps what it acknowledged, asks for its password, and runs from a folder it may not enter."""

import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from controller.core.errors import Broken
from controller.parts.postgres import Postgres, start_postgres


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    # pytest's folders are closed to other accounts, so as root this is also the case of a checkout under root's home.
    running = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield running
    running.erase()


async def ask(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_commits_survive_a_crash(cluster: Postgres) -> None:
    """What was committed is there after kill -9 and a start, at the same address."""
    url = cluster.create("journal")
    await ask(url, "CREATE TABLE fact AS SELECT 7 AS id")
    cluster.kill()
    cluster.start()
    assert await ask(url, "SELECT id FROM fact") == 7


async def test_commits_wait_for_the_disk(cluster: Postgres) -> None:
    """fsync and synchronous commit are on: a test that passes here says something about production."""
    assert await ask(cluster.url(), "SHOW fsync") == "on"
    assert await ask(cluster.url(), "SHOW synchronous_commit") == "on"


async def test_wrong_password_is_refused(cluster: Postgres) -> None:
    """Another account of the machine that finds the port gets nothing without the password."""
    right = cluster.url().split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(cluster.url().replace(right, "guessed"), "SELECT 1")


async def test_stop_does_not_wait_for_clients(cluster: Postgres) -> None:
    """Stopping ends open sessions instead of waiting for them to leave."""
    connection = await asyncpg.connect(cluster.url().replace("+asyncpg", ""))
    started = time.monotonic()
    cluster.stop()
    assert time.monotonic() - started < cluster.program.grace_s / 2
    connection.terminate()
    cluster.start()


async def test_databases_are_separate_and_droppable(cluster: Postgres) -> None:
    """A database is made empty under a name of its own, its name cannot be taken twice, and dropping frees it."""
    cluster.create("one")
    with pytest.raises(Broken, match="already exists"):
        cluster.create("one")
    cluster.drop("one")
    assert await ask(cluster.create("one"), "SELECT current_database()") == "one"


def test_erase_leaves_no_data(tmp_path: Path) -> None:
    """Erasing removes the data also where it had to lie outside the folder."""
    cluster = start_postgres(tmp_path)
    was_there = (cluster.data / "PG_VERSION").exists()
    cluster.erase()
    assert was_there
    assert not cluster.data.parent.exists()
