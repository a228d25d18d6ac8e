"""A service's messages in their order are found without reading those of all others."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the inbox by service."""
    op.create_index("inbox_service", "inbox", ["service", "number"])
