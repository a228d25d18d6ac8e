"""What each rollout counts as in a report, and a month's sums: two views, and what they need in a rollout's row."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import auditing, marking, reporting

Type = sa.types.TypeEngine[Any]

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and make the views; an upgrade makes all rows anew from the journal afterwards."""
    postgres = op.get_context().dialect.name == "postgresql"
    for view in reversed(reporting.VIEWS):
        op.execute(f"DROP VIEW IF EXISTS {view}")
    instant: Type = postgresql.TIMESTAMP(timezone=True) if postgres else sa.Text()
    op.add_column("rollouts", sa.Column("back", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("rollouts", sa.Column("promoted_at", instant))
    op.add_column("rollouts", sa.Column("ended_position", sa.BigInteger))
    for name in marking.MARKS:
        op.add_column("rollouts", sa.Column(name, instant if name == "marked_at" else sa.Text()))
    words = auditing.POSTGRES if postgres else auditing.SQLITE
    for statement in (*marking.from_rollouts(words, postgres=postgres), *reporting.views(words)):
        op.execute(statement)
