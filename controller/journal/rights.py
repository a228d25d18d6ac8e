"""What the role that a process logs in with may do to the journal."""

from typing import Final

from sqlalchemy import Connection, text

from controller.journal.store import Store


async def may_rewrite(store: Store) -> bool:
    """Say whether this login could change facts; in SQLite whoever may write the file could, so nothing is asked."""

    def asked(connection: Connection) -> bool:
        return connection.dialect.name == "postgresql" and bool(connection.scalar(_MAY_UPDATE))

    return await store.read(asked)


_MAY_UPDATE: Final = text("SELECT has_table_privilege('journal', 'UPDATE')")
