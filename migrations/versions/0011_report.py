"""Views of what each rollout counts as in a report, and of a month's sums."""

from alembic import op

from migrations import auditing, reporting

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the views."""
    postgres = op.get_context().dialect.name == "postgresql"
    for statement in reporting.views(auditing.POSTGRES if postgres else auditing.SQLITE):
        op.execute(statement)
