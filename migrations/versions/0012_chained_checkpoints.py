"""Checkpoints of a key are numbered and name the one before: one that somebody takes away leaves a gap."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add number and previous; what was signed before stands outside the chain, with number 0."""
    op.add_column("checkpoints", sa.Column("number", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("checkpoints", sa.Column("previous", sa.Text, nullable=False, server_default=""))
    numbered = sa.text("number > 0")
    op.create_index(
        "checkpoints_number",
        "checkpoints",
        ["key", "number"],
        unique=True,
        sqlite_where=numbered,
        postgresql_where=numbered,
    )
