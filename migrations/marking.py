"""The view `audit_rollbacks` since revision 0007: as before, and behind it what people said of each rollback."""

from collections.abc import Iterator
from typing import Final

from migrations.auditing import Words, rollbacks

MARKS: Final = ("mark", "marked_at", "marked_by", "marked_because")


def from_facts(words: Words, *, postgres: bool) -> Iterator[str]:
    """Return the statements of revision 0007, which looks for the mark among the facts."""
    # One store reads true from JSON as a text, the other as 1.
    said = f"CAST({words.text('m.body', 'false_alarm')} AS text)"
    marked = f"CASE WHEN {said} IN ('true', '1') THEN 'false_alarm' WHEN {said} IS NOT NULL THEN 'true_alarm' END"
    last = """
        SELECT max(k.position) FROM journal k
        WHERE k.rollout = r.rollout AND k.type = 'RollbackMarked' AND k.type <> 'WindowMeasured'
    """
    columns = f"{marked} AS mark, m.occurred_at AS marked_at, m.actor AS marked_by, m.reason AS marked_because"
    yield from _statements(
        words, columns, f"journal m ON m.stream = r.service AND m.position = ({last})", postgres=postgres
    )


def from_rollouts(words: Words, *, postgres: bool) -> Iterator[str]:
    """Return those of revision 0013, which has it in the table of rollouts: the journal in partitions costs more."""
    columns = ", ".join(f"m.{name}" for name in MARKS)
    yield from _statements(words, columns, "rollouts m ON m.rollout = r.rollout", postgres=postgres)


def _statements(words: Words, columns: str, join: str, *, postgres: bool) -> Iterator[str]:
    # On PostgreSQL the view keeps its grants.
    if not postgres:
        yield "DROP VIEW audit_rollbacks"
    yield f"""
    CREATE {"OR REPLACE " if postgres else ""}VIEW audit_rollbacks AS
    SELECT r.*, {columns} FROM ({rollbacks(words)}) r LEFT JOIN {join}
    """
