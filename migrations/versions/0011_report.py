"""Nothing any more: the views of the report were made here first, and 0013 makes them of columns."""

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Leave everything as it is."""
