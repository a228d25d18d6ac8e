"""What makes questions quick: indexes by service, time, kind and person, and two views in parts."""

import sqlalchemy as sa
from alembic import op

from migrations import auditing, parting

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them. Those of journal and inbox skip windows, which are nearly all of both, and so cost these nothing."""
    told = sa.text("type <> 'WindowMeasured'")
    for name, columns in _OF_THE_TOLD.items():
        op.create_index(name, "journal", columns, sqlite_where=told, postgresql_where=told)
    ordered = sa.text("topic = 'rollout.ordered'")
    op.create_index(
        "inbox_ordered_position", "inbox", ["service", "position"], sqlite_where=ordered, postgresql_where=ordered
    )
    op.create_index("routes_set_at", "routes", ["set_at"])
    postgres = op.get_context().dialect.name == "postgresql"
    for statement in parting.statements(auditing.POSTGRES if postgres else auditing.SQLITE, postgres=postgres):
        op.execute(statement)


_OF_THE_TOLD = {
    "journal_told_of": ["stream", "position"],
    "journal_told_at": ["occurred_at", "stream", "position"],
    "journal_type_at": ["type", "occurred_at", "stream", "position"],
    "journal_actor_at": ["actor", "occurred_at", "stream", "position"],
}
