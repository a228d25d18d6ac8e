"""Getting past what keeps the journal append-only, as somebody with every right on the database can."""

from typing import Final

from controller.journal import Store

UNLOCKED: Final = {
    "sqlite": ("DROP TRIGGER journal_no_update", "DROP TRIGGER journal_no_delete"),
    "postgresql": ("ALTER TABLE journal DISABLE TRIGGER ALL",),
}
"""What somebody says first, by the kind of store."""

CHECKPOINTS_UNLOCKED: Final = {
    "sqlite": ("DROP TRIGGER checkpoints_no_update", "DROP TRIGGER checkpoints_no_delete"),
    "postgresql": ("ALTER TABLE checkpoints DISABLE TRIGGER ALL",),
}
"""The same, to get at checkpoints."""


async def say(store: Store, *statements: str) -> None:
    """Say something to the database itself, past all of Segue: each statement in a transaction of its own."""
    for statement in statements:
        await store.write(lambda connection, said=statement: connection.exec_driver_sql(said))  # type: ignore[misc]  # bound for the loop
