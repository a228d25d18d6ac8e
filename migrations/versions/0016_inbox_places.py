"""Where a service's messages stand is read in an index alone, by who needs no more of them than times and places."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the index of a service's messages hold what a backtest asks of nearly all of them."""
    op.create_index("inbox_places", "inbox", ["service", "number", "position", "facts", "sent_ms"])
    op.drop_index("inbox_service", "inbox")
