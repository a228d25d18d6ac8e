"""PostgreSQL's journal lies in one partition a month; SQLite's is one table, of which there is nothing to say here."""

from typing import Final

from sqlalchemy import Connection, text

from controller.journal.store import Store


async def ahead(store: Store) -> int:
    """
    Make the partitions of this month and the next two, as far as they are missing; return how many were made.

    Raises Conflict when somebody reads the journal for so long that it has to be done later.
    """
    return await store.write(make_ahead)


def make_ahead(connection: Connection) -> int:
    """Do it within a transaction, whoever began it."""
    if connection.dialect.name != "postgresql":
        return 0
    return int(connection.execute(_AHEAD).scalar_one())


_AHEAD: Final = text("SELECT segue_journal_ahead()")
