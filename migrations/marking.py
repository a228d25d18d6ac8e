"""The view `audit_rollbacks` since revision 0007: as before, and behind it what people said of each rollback."""

from collections.abc import Iterator

from migrations.auditing import Words, rollbacks


def statements(words: Words, *, postgres: bool) -> Iterator[str]:
    """Return the statements that give the view its further columns; on PostgreSQL it keeps its grants."""
    if not postgres:
        yield "DROP VIEW audit_rollbacks"
    yield f"""
    CREATE {"OR REPLACE " if postgres else ""}VIEW audit_rollbacks AS
    SELECT r.*, {marked(words, "m")} AS mark,
        m.occurred_at AS marked_at, m.actor AS marked_by, m.reason AS marked_because
    FROM ({rollbacks(words)}) r
    LEFT JOIN journal m ON m.stream = r.service AND m.position = ({last_mark("r.rollout")})
    """


def last_mark(rollout: str) -> str:
    """Return the query of the position of the fact that marked a rollout last."""
    return f"""
        SELECT max(k.position) FROM journal k
        WHERE k.rollout = {rollout} AND k.type = 'RollbackMarked' AND k.type <> 'WindowMeasured'
    """


def marked(words: Words, fact: str) -> str:
    """Return what a mark says; NULL where there is none."""
    # One store reads true from JSON as a text, the other as 1.
    said = f"CAST({words.text(f'{fact}.body', 'false_alarm')} AS text)"
    return f"CASE WHEN {said} IN ('true', '1') THEN 'false_alarm' WHEN {said} IS NOT NULL THEN 'true_alarm' END"
