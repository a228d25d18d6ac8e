"""A PostgreSQL that is spoken to over TLS alone, by an authority of its own, as its address says it."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import select

from controller.core.errors import Broken, Malformed, SegueError
from controller.journal import tables, views
from controller.journal.database import database as open_database
from controller.journal.schema import upgrade
from controller.journal.store import open_store
from controller.parts.postgres import Postgres, start_postgres
from tests.parts.certificates import certify


@dataclass(frozen=True)
class Shown:
    """A database, and who vouches for its server."""

    url: str
    authority: Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Shown]:
    """A database that refuses whoever comes without TLS."""
    cluster = start_postgres(tmp_path / "postgres")
    try:
        url = cluster.create("segue")
        certificates = certify(tmp_path)
        owner = cluster.data.stat()
        for file in (certificates.server, certificates.key):
            copy = Path(shutil.copy(file, cluster.data))
            copy.chmod(0o600)
            shutil.chown(copy, owner.st_uid, owner.st_gid)
        asyncio.run(turn_on(cluster))
        rules = cluster.data / "pg_hba.conf"
        rules.write_text(rules.read_text().replace("\nhost ", "\nhostssl "))
        asyncio.run(until_refused(cluster))
        yield Shown(url, certificates.authority)
    finally:
        cluster.erase()


async def test_journal_is_kept_over_tls(database: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    `?sslmode=verify-full&sslrootcert=` asks for a server that the authority in that file vouches for.

    So do `?ssl=verify-full` and PGSSLROOTCERT. Migrations and long work reach it in the same way.
    """
    url = f"{database.url}?sslmode=verify-full&sslrootcert={database.authority}"
    await asyncio.to_thread(upgrade, url)
    await read(url)
    monkeypatch.setenv("PGSSLROOTCERT", str(database.authority))
    await read(f"{database.url}?ssl=verify-full")


async def read(url: str) -> None:
    """Read by the pool, and by a connection of one's own."""
    store = await open_store(url)
    try:
        assert await views.service(store, "hibari") is None
        async with store.session() as session:
            assert await session.do(lambda connection: connection.scalar(select(tables.journal.c.id))) is None
    finally:
        await store.close()


async def test_a_server_that_nobody_vouches_for_is_not_spoken_to(
    database: Shown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another authority's certificate is refused, and so is no TLS at all; the sentence tells no password."""
    (tmp_path / "other").mkdir()
    other = certify(tmp_path / "other").authority
    monkeypatch.setenv("PGSSLROOTCERT", str(other))
    refused = "certificate that is refused .* let sslrootcert in SEGUE_DATABASE_URL"
    for asked, sentence in (
        ("?ssl=verify-full", refused),
        (f"?sslmode=verify-full&sslrootcert={other}", refused),
        ("?sslmode=disable", "no pg_hba.conf entry"),
    ):
        with pytest.raises(SegueError, match=sentence) as error:
            await open_store(database.url + asked)
        password = database.url.split(":")[2].split("@")[0]
        assert password not in str(error.value)


async def test_a_server_of_another_name_is_not_spoken_to(database: Shown) -> None:
    """`verify-full` wants the name in the address to be one of the certificate's; `verify-ca` does not."""
    elsewhere = database.url.replace("@127.0.0.1:", "@localhost:")
    assert elsewhere != database.url
    with pytest.raises(Broken, match="no schema yet"):  # it let us in
        await open_store(f"{elsewhere}?sslmode=verify-ca&sslrootcert={database.authority}")
    with pytest.raises(SegueError, match="certificate that is refused"):
        await open_store(f"{elsewhere}?sslmode=verify-full&sslrootcert={database.authority}")


async def test_a_server_without_tls_is_not_spoken_to(tmp_path: Path) -> None:
    """Whoever is asked for a certificate and has none hears no password."""
    cluster, authority = start_postgres(tmp_path / "postgres"), certify(tmp_path).authority
    try:
        with pytest.raises(SegueError, match="SSL"):
            await open_store(f"{cluster.create('plain')}?sslmode=verify-full&sslrootcert={authority}")
    finally:
        cluster.erase()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("sslmode=verify-ful", "sslmode 'verify-ful'; give one of disable, allow"),
        ("sslrootcert=/etc/hostname", "sslmode ''; give one of disable, allow"),
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "sslrootcert '/nowhere/ca.pem', which cannot be read"),
        ("sslmode=verify-full&ssl=disable", "both ssl and sslmode"),
        ("sslmode=require&sslpassword=hush", "sslpassword, which is not known here"),
    ],
)
def test_tls_that_is_none_is_told_at_the_start(asked: str, sentence: str) -> None:
    """A slip in what an address says of TLS never means less of it: it is told, with how it is written."""
    with pytest.raises(Malformed, match=sentence) as error:
        open_database(f"postgresql+asyncpg://segue:hush-hush@db/segue?{asked}")
    assert "hush" not in str(error.value).replace("sslpassword", "")


async def turn_on(cluster: Postgres) -> None:
    """Let a cluster offer TLS."""
    connection = await asyncpg.connect(cluster.url().replace("+asyncpg", ""))
    await connection.execute("ALTER SYSTEM SET ssl = on")
    await connection.close()


async def until_refused(cluster: Postgres) -> None:
    """Let a cluster read its files anew, and wait until nobody is let in without TLS."""
    address = cluster.url().replace("+asyncpg", "")
    connection = await asyncpg.connect(address)
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
    async with asyncio.timeout(10):
        while True:
            try:
                await (await asyncpg.connect(address, ssl=False)).close()
            except asyncpg.InvalidAuthorizationSpecificationError:
                return
            await asyncio.sleep(0.05)
