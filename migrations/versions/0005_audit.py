"""Views for auditors, the same on both stores, the tables that they need, and a role that reads nothing else."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import auditing

Type = sa.types.TypeEngine[Any]

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create tables, indexes and views; an upgrade makes all read tables anew from the journal afterwards."""
    postgres = op.get_context().dialect.name == "postgresql"
    _tables(postgresql.TIMESTAMP(timezone=True) if postgres else sa.Text())
    _indexes()
    for statement in auditing.views(auditing.POSTGRES if postgres else auditing.SQLITE):
        op.execute(statement)


def _tables(instant: Type) -> None:
    op.add_column("rollouts", sa.Column("exposed_requests", sa.BigInteger, nullable=False, server_default="0"))
    op.drop_table("routes")
    op.create_table(
        "routes",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("set_at", instant, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_because", sa.Text, nullable=False),
        sa.Column("rollout", sa.Text, nullable=False),
        sa.Column("stable", sa.Text),
        sa.Column("stable_digest", sa.Text),
        sa.Column("candidate", sa.Text),
        sa.Column("candidate_digest", sa.Text),
        sa.Column("candidate_rollout", sa.Text),
        sa.Column("candidate_bp", sa.Integer, nullable=False),
        sa.Column("candidate_most_bp", sa.Integer, nullable=False),
        sa.Column("segments", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", "epoch", name="routes_service_epoch"),
    )
    op.create_table(
        "applied",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("router", sa.Text, nullable=False),
        sa.Column("applied_at", instant, nullable=False),
        sa.Column("joined", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("service", "epoch", "router", name="applied_service_epoch_router"),
    )


def _indexes() -> None:
    op.create_index("applied_router", "applied", ["service", "router", "epoch"])
    op.create_index("routes_position", "routes", ["service", "position"])
    op.create_index("routes_rollout", "routes", ["rollout"])
    op.create_index("routes_candidate_rollout", "routes", ["candidate_rollout"])
    op.create_index("routes_stable", "routes", ["service", "stable_digest", "epoch"])
    op.create_index("routes_candidate", "routes", ["service", "candidate_digest", "epoch"])
    # Nearly all facts are windows of measurements. An index of the others stays small, and is never written for those.
    told = sa.text("type <> 'WindowMeasured'")
    for name, columns in (("journal_type", ["type", "stream", "position"]), ("journal_told", ["rollout", "type"])):
        op.create_index(name, "journal", columns, sqlite_where=told, postgresql_where=told)
    ordered, alerts = sa.text("topic = 'rollout.ordered'"), sa.text("topic = 'alerts.received'")
    op.create_index("inbox_ordered", "inbox", ["service", "number"], sqlite_where=ordered, postgresql_where=ordered)
    op.create_index("inbox_alert", "inbox", ["id"], sqlite_where=alerts, postgresql_where=alerts)
