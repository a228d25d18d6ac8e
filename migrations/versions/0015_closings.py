"""Which months a key has closed is remembered, so that nobody asks for their last facts again."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; what was closed before is found closed by the next look."""
    op.create_table(
        "closings",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("month", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", "month", name="closings_key_month"),
    )
