"""What each router reported last; what was reported so far is filled in when the read tables are made anew."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; an upgrade makes all read tables anew from the journal afterwards."""
    instant = postgresql.TIMESTAMP(timezone=True) if op.get_context().dialect.name == "postgresql" else sa.Text()
    op.create_table(
        "routers",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("router", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("applied_at", instant, nullable=False),
        sa.Column("speaking", sa.Text),
        sa.PrimaryKeyConstraint("service", "router", name="routers_service_router"),
    )
