"""
Whether a store has the schema of today already, asked of the bare driver: a start waits for the answer.

SQLAlchemy says it, too, and is imported and set up for a fifth of a second before it does.
"""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from controller.journal.revision import NEWEST

_REVISION: Final = "SELECT version_num FROM alembic_version"
_ANSWERS_WITHIN_S: Final = 1.0


def is_newest(database_url: str) -> bool:
    """
    Say whether a store's schema is the newest. Changes nothing, and makes no file; not for use inside an event loop.

    False as well when that cannot be told, for whatever reason: an upgrade then finds out, and says what is wrong.
    """
    kind, _, place = database_url.partition("://")
    if not set("?#,").isdisjoint(place):
        # TLS, several servers, a slip: what such an address means is SQLAlchemy's matter, and a guess might be another.
        return False
    with suppress(Exception):
        match kind:
            case "sqlite":
                return _of_file(Path(place.removeprefix("/"))) == NEWEST
            case "postgresql+asyncpg" | "postgresql":
                return asyncio.run(_of_server(f"postgresql://{place}")) == NEWEST
    return False


def _of_file(file: Path) -> object:
    # By its name alone it would be made where there is none.
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        return connection.execute(_REVISION).fetchone()[0]


async def _of_server(address: str) -> object:
    # Here, not above: SQLite has no need of it.
    import asyncpg

    async with asyncio.timeout(_ANSWERS_WITHIN_S):
        connection = await asyncpg.connect(address)
        try:
            return await connection.fetchval(_REVISION)
        finally:
            await connection.close()
