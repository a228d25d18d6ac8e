"""What gates answered, one row an answer, and which rollouts wait; what was answered so far comes from the journal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of verdicts and fill it from the journal's facts."""
    postgres = op.get_context().dialect.name == "postgresql"
    instant = postgresql.TIMESTAMP(timezone=True) if postgres else sa.Text()
    op.create_table(
        "verdicts",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("rollout", sa.Text, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
        sa.Column("guilty", sa.Text, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("judged_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("service", "position", name="verdicts_service_position"),
    )
    op.create_index("verdicts_rollout", "verdicts", ["rollout"])
    op.execute(_FILL_POSTGRES if postgres else _FILL_SQLITE)


_FILL_SQLITE = """
INSERT INTO verdicts (service, position, rollout, gate, outcome, reason, figures, guilty, dry_run, judged_at)
SELECT stream, position, rollout, json_extract(body, '$.gate'), json_extract(body, '$.outcome'), reason,
       json_extract(body, '$.figures'), json_extract(body, '$.guilty'), json_extract(body, '$.dry_run'), occurred_at
FROM journal WHERE type = 'GateJudged'
"""

_FILL_POSTGRES = """
INSERT INTO verdicts (service, position, rollout, gate, outcome, reason, figures, guilty, dry_run, judged_at)
SELECT stream, position, rollout, body::json ->> 'gate', body::json ->> 'outcome', reason,
       body::json ->> 'figures', body::json ->> 'guilty', (body::json ->> 'dry_run')::boolean, occurred_at
FROM journal WHERE type = 'GateJudged'
"""
