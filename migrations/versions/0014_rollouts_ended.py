"""Rollouts that ended in one way within a time are found without reading all others."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index rollouts by how and when they ended."""
    op.create_index("rollouts_ended", "rollouts", ["status", "ended_at"])
