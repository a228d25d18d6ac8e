"""
PostgreSQL's journal in one partition a month, so that old months can be detached. SQLite keeps one table.

What is there becomes the first partition as it is, up to the end of the month of its last fact: nothing is copied.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

from migrations import partitioning
from migrations.partitioning import DEFAULT

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put a partitioned journal in the place of the table, with the same columns, indexes, guards and views."""
    if op.get_context().dialect.name != "postgresql":
        return
    connection = op.get_bind()
    # In the order in which deciders take them, so that they wait for the upgrade, and neither waits for the other.
    op.execute("LOCK TABLE services IN EXCLUSIVE MODE")
    op.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
    first, until = connection.execute(sa.text(_FIRST)).one()
    indexes = connection.execute(sa.text(_INDEXES)).all()
    views = connection.execute(sa.text(_VIEWS)).all()
    grants = connection.execute(sa.text(_GRANTS)).all()
    schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
    _set_aside(first, [row.name for row in indexes])
    op.execute(f"CREATE TABLE journal (LIKE {first}) PARTITION BY RANGE (occurred_at)")
    for row in indexes:
        if not row.primary:
            op.execute(sa.text(row.definition))
    for statement in (*partitioning.functions(str(schema)), partitioning.ENDS):
        op.execute(sa.text(statement.replace(":", r"\:")))
    op.execute(
        f"CREATE TABLE {DEFAULT} (LIKE {first}, CONSTRAINT {DEFAULT}_stream_position PRIMARY KEY (stream, position))"
    )
    op.execute(f"ALTER TABLE journal ATTACH PARTITION {DEFAULT} DEFAULT")
    op.execute(f"ALTER TABLE journal ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ('{until}')")
    op.execute(partitioning.ENDS_FILLED)
    for name in ("journal", DEFAULT, first):
        op.execute(f"SELECT segue_guard_journal('{name}')")
    for row in views:
        op.execute(sa.text(f"CREATE OR REPLACE VIEW {row.name} AS {row.definition}".replace(":", r"\:")))
    for row in grants:
        op.execute(f"GRANT {row.privilege} ON journal TO {row.grantee}")


def _set_aside(first: str, indexes: list[str]) -> None:
    op.execute(f"ALTER TABLE journal RENAME TO {first}")
    for name in indexes:
        op.execute(f"ALTER INDEX {name} RENAME TO {first}{name.removeprefix('journal')}")


# Of the last fact, or of today when that is later: what is decided next belongs to it as well.
_FIRST: Final = """
SELECT to_char(month, '"journal_until_"YYYY_MM'), to_char(month + interval '1 month', 'YYYY-MM-DD"T00:00:00Z"')
FROM (
    SELECT date_trunc('month', greatest(now(), max(occurred_at)) AT TIME ZONE 'UTC') AS month FROM journal
) last
"""
_INDEXES: Final = """
SELECT c.relname AS name, i.indisprimary AS primary, pg_get_indexdef(c.oid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = 'journal'::regclass
ORDER BY c.relname
"""
# A view knows its tables by number, so each is told anew which one the journal is.
_VIEWS: Final = """
SELECT DISTINCT c.oid::regclass::text AS name, pg_get_viewdef(c.oid) AS definition
FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'journal'::regclass AND c.relkind = 'v'
"""
# What others than the owner were granted by hand; what Segue's own roles need is given at the end of every upgrade.
_GRANTS: Final = """
SELECT g.privilege_type AS privilege,
    CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END AS grantee
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee
WHERE c.oid = 'journal'::regclass AND g.grantee <> c.relowner
"""
