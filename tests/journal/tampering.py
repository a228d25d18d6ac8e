"""Getting past what keeps the journal append-only, as somebody with every right on the database can."""

from typing import Final

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
