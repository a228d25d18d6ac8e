"""A step can be entered more than once, so entries are told apart by the fact that made them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table anew under another key, and fill it from the former one; the journal knows the positions."""
    instant = postgresql.TIMESTAMP(timezone=True) if op.get_context().dialect.name == "postgresql" else sa.Text()
    op.rename_table("steps", "former_steps")
    op.create_table(
        "steps",
        sa.Column("rollout", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("weight_bp", sa.Integer, nullable=False),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "position", name="steps_rollout_position"),
    )
    op.execute(_FILL)
    op.drop_table("former_steps")


# Up to now each step was entered once, and in order.
_FILL = """
INSERT INTO steps (rollout, position, step, weight_bp, started_at, due_at)
SELECT s.rollout, j.position, s.step, s.weight_bp, s.started_at, s.due_at
FROM former_steps s
JOIN (
    SELECT rollout, position, row_number() OVER (PARTITION BY rollout ORDER BY position) - 1 AS step
    FROM journal WHERE type = 'StepStarted'
) j ON j.rollout = s.rollout AND j.step = s.step
"""
