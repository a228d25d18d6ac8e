"""The journal, its inbox, outbox and timers, and the read tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Type = sa.types.TypeEngine[Any]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables, the view of dead letters, and the triggers that keep the journal append-only."""
    postgres = op.get_context().dialect.name == "postgresql"
    instant: Type = postgresql.TIMESTAMP(timezone=True) if postgres else sa.Text()
    number: Type = sa.BigInteger() if postgres else sa.Integer()
    _core_tables(instant, number)
    _read_tables(instant)
    op.execute(_DEAD_LETTERS)
    for statement in _POSTGRES_TRIGGERS if postgres else _SQLITE_TRIGGERS:
        op.execute(statement)


def _core_tables(instant: Type, number: Type) -> None:
    op.create_table(
        "journal",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("occurred_at", instant, nullable=False),
        sa.Column("recorded_at", instant, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("rollout", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("prev_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("stream", "position", name="journal_stream_position"),
    )
    op.create_index("journal_occurred_at", "journal", ["occurred_at"])
    op.create_index("journal_rollout", "journal", ["rollout"])
    op.create_table(
        "inbox",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger, nullable=False),
        sa.Column("decided_at", instant, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("facts", sa.Integer, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        sa.Column("headers", sa.Text, nullable=False),
        sa.UniqueConstraint("source", "id", name="inbox_source_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "timers",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("fired_at", instant),
        sa.PrimaryKeyConstraint("stream", "kind", "epoch", name="timers_stream_kind_epoch"),
    )
    op.create_table(
        "schema_history",
        sa.Column("revision", sa.Text, primary_key=True),
        sa.Column("segue_version", sa.Text, nullable=False),
        sa.Column("upgraded_at", instant, nullable=False),
    )


def _read_tables(instant: Type) -> None:
    op.create_table(
        "services",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("head_hash", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("stable", sa.Text),
        sa.Column("candidate", sa.Text),
        sa.Column("candidate_bp", sa.Integer, nullable=False),
        sa.Column("rollout", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "rollouts",
        sa.Column("rollout", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("from_version", sa.Text),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("weight_bp", sa.Integer, nullable=False),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("started_because", sa.Text, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("ended_by", sa.Text),
        sa.Column("ended_because", sa.Text),
        sa.Column("trigger", sa.Text),
    )
    op.create_index("rollouts_service", "rollouts", ["service", "started_at"])
    op.create_table(
        "steps",
        sa.Column("rollout", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("weight_bp", sa.Integer, nullable=False),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "step", name="steps_rollout_step"),
    )
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
        sa.Column("candidate", sa.Text),
        sa.Column("candidate_bp", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", "epoch", name="routes_service_epoch"),
    )
    op.create_table(
        "releases",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("ensemble", sa.Text, nullable=False),
        sa.Column("sample_rate_hz", sa.Integer, nullable=False),
        sa.Column("token_rate_hz", sa.Float, nullable=False),
        sa.Column("build_time", sa.Text, nullable=False),
        sa.Column("requested_at", instant, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("ready_at", instant),
        sa.Column("promoted_at", instant),
        sa.Column("failed_at", instant),
        sa.Column("quarantined_at", instant),
        sa.Column("unloaded_at", instant),
        sa.PrimaryKeyConstraint("service", "digest", name="releases_service_digest"),
    )
    op.create_index("releases_ensemble", "releases", ["service", "ensemble"])


# A letter is nothing of its own: the inbox has the message, the journal says why it was rejected.
_DEAD_LETTERS = """
CREATE VIEW dead_letters AS
SELECT i.number, i.id AS letter, i.service, i.topic, i.partition, i."offset", j.at_ms, j.occurred_at, j.reason,
       i.key, i.value, i.headers
FROM inbox i
JOIN journal j ON j.stream = i.service AND j.position = i.position + 1
WHERE i.source = 'segue/rejected' AND i.facts = 1
"""

_SQLITE_TRIGGERS = tuple(
    f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)

_POSTGRES_TRIGGERS = (
    """
    CREATE FUNCTION segue_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$
    """,
    """
    CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION segue_refuse()
    """,
    # Waking sleepers by trigger costs no round trip, cannot be forgotten, and reaches them only if we commit.
    """
    CREATE FUNCTION segue_wake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_notify('segue_' || TG_TABLE_NAME, ''); RETURN NULL; END $$
    """,
    "CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION segue_wake()",
    "CREATE TRIGGER timers_wake AFTER INSERT ON timers FOR EACH STATEMENT EXECUTE FUNCTION segue_wake()",
)
