"""
The two kinds of database behind one door: work that is written once, against SQLAlchemy's plain `Connection`.

On PostgreSQL it runs on asyncpg, its waits handed to the event loop. On SQLite it runs in a thread, the whole
transaction at once: going back to the event loop for every statement takes three times as long as the statements.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from controller.core.errors import Malformed
from controller.journal.session import Session
from controller.journal.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from controller.journal.postgres import PostgresDatabase

T = TypeVar("T")


class Database(Protocol):
    """
    A place for transactions.

    Both kinds raise Unavailable while the database is away, Conflict when another writer was first, Broken when
    trying again would not help. Belongs to the event loop in which it is used first.
    """

    @property
    def name(self) -> str:
        """The database and its host without the password, for errors and logs."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work in a transaction that keeps nothing."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in a transaction that is kept as a whole, or not at all when work raises."""

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Give a connection of one's own, for work that takes long."""

    async def close(self) -> None:
        """Close every connection."""


def database(database_url: str) -> "SqliteDatabase | PostgresDatabase":
    """Return the database at an address; nothing is connected yet. Raises Malformed for another kind of database."""
    try:
        url = make_url(database_url)
        url.render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        # Nothing of it is told, for a password may stand anywhere in it: where a port was expected, for one.
        raise Malformed(f"the database's address cannot be read; {_ALLOWED}") from None
    kind = url.get_backend_name()
    if kind == "postgresql":
        if "@" in f"{url.host}{url.database}":
            # A slip before it has moved user and password to where they would be told in every error.
            raise Malformed(f"the database's address has an @ that is not behind its password; {_ALLOWED}")
        # Here, not above: with it comes SQLAlchemy's ORM, a tenth of a second, of which SQLite has no need.
        from controller.journal.postgres import PostgresDatabase

        return PostgresDatabase(url)
    if kind == "sqlite" and url.database not in (None, "", ":memory:"):
        return SqliteDatabase(url, _file(url))
    raise Malformed(f"no store for a database of kind {kind}; {_ALLOWED}")


_ALLOWED: Final = "set SEGUE_DATABASE_URL to sqlite:////absolute/file or postgresql+asyncpg://user:password@host/name"


def _file(url: URL) -> Path:
    return Path(url.database or "").absolute()
