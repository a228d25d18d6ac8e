"""Signed words of how far each stream had got, and with which hash; nobody changes or deletes one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of checkpoints and its guards."""
    postgres = op.get_context().dialect.name == "postgresql"
    op.create_table(
        "checkpoints",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("signed_at", postgresql.TIMESTAMP(timezone=True) if postgres else sa.Text(), nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", "position", "key", name="checkpoints_service_position_key"),
    )
    for statement in _POSTGRES_GUARDS if postgres else _SQLITE_GUARDS:
        op.execute(statement)


_SQLITE_GUARDS = tuple(
    f"CREATE TRIGGER checkpoints_no_{verb.lower()} BEFORE {verb} ON checkpoints "
    "BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END"
    for verb in ("UPDATE", "DELETE")
)

_POSTGRES_GUARDS = (
    """
    CREATE FUNCTION segue_refuse_checkpoints() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'checkpoints are append-only'; END $$
    """,
    """
    CREATE TRIGGER checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION segue_refuse_checkpoints()
    """,
)
