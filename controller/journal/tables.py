"""
The tables as SQLAlchemy Core sees them; `migrations/` creates them, and a test holds the two together.

Times are integer milliseconds since 1970 UTC in Python and in `*_ms` columns. An `Instant` column holds the same as a
timestamp that auditors can ask for in SQL. Bodies are canonical JSON as text, so that both stores hold equal bytes.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

from controller.wire.envelope import time_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BEFORE_ALL = -1


# A batch is recorded at one time, and each of its times is written several times.
@lru_cache(maxsize=1024)
def _moment(value: int) -> datetime:
    return _EPOCH + value * _MILLISECOND


class Instant(TypeDecorator[int]):
    """Milliseconds in Python; `timestamptz` on PostgreSQL, ISO 8601 text on SQLite, which has no type for time."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Pick the column's type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> datetime | str | None:
        """Turn milliseconds into what the store takes."""
        if value is None:
            return None
        return _moment(value) if dialect.name == "postgresql" else time_text(value)

    def process_result_value(self, value: object, dialect: Dialect) -> int | None:  # noqa: ARG002  # SQLAlchemy's name
        """Turn what the store gives into milliseconds; what is no time, as SQLite takes it, into one no fact has."""
        if value is None:
            return None
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
            return (moment - _EPOCH) // _MILLISECOND
        except (ValueError, TypeError):  # written past Segue: `segue verify` names the row, and does not end
            return _BEFORE_ALL


metadata = MetaData()

# SQLite counts rows for us only in a column of exactly this type.
_Number = BigInteger().with_variant(Integer, "sqlite")


def _where(condition: str) -> dict[str, Any]:
    # An index of few rows of a large table.
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


journal = Table(
    "journal",
    metadata,
    Column("stream", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("schema", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("rollout", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("stream", "position", name="journal_stream_position"),
    Index("journal_occurred_at", "occurred_at"),
    Index("journal_rollout", "rollout"),
    Index("journal_type", "type", "stream", "position", **_where("type <> 'WindowMeasured'")),
    Index("journal_told", "rollout", "type", **_where("type <> 'WindowMeasured'")),
    Index("journal_told_of", "stream", "position", **_where("type <> 'WindowMeasured'")),
    Index("journal_told_at", "occurred_at", "stream", "position", **_where("type <> 'WindowMeasured'")),
    Index("journal_type_at", "type", "occurred_at", "stream", "position", **_where("type <> 'WindowMeasured'")),
    Index("journal_actor_at", "actor", "occurred_at", "stream", "position", **_where("type <> 'WindowMeasured'")),
)
"""Every fact. Never updated, never deleted from: triggers refuse it."""

no_window = journal.c.type != literal_column("'WindowMeasured'")
"""Windows left out, in the words of the indexes that skip them: a bound value would not tell SQLite that they serve."""

inbox = Table(
    "inbox",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("sent_ms", BigInteger, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("facts", Integer, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", Text, nullable=False),
    UniqueConstraint("source", "id", name="inbox_source_id"),
    Index("inbox_places", "service", "number", "position", "facts", "sent_ms"),
    Index("inbox_ordered", "service", "number", **_where("topic = 'rollout.ordered'")),
    Index("inbox_ordered_position", "service", "position", **_where("topic = 'rollout.ordered'")),
    Index("inbox_alert", "id", **_where("topic = 'alerts.received'")),
    sqlite_autoincrement=True,
)
"""
Every message that was decided, exactly as it came (key, value, headers: JSON list of [name, base64]).

number: the order of deciding; within a service without doubt, since its deciders take turns. position: of the
service's stream before the message; its `facts` facts follow there.
"""

outbox = Table(
    "outbox",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("shard", Integer, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", Text, nullable=False),
    sqlite_autoincrement=True,  # an id is never given twice, so a late delete cannot hit a newer row
)
"""What is decided and not yet published; a row is deleted when Kafka has it."""

timers = Table(
    "timers",
    metadata,
    Column("stream", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("fired_at", Instant),
    PrimaryKeyConstraint("stream", "kind", "epoch", name="timers_stream_kind_epoch"),
)
"""What each service waits for. A row goes when the service waits for it no longer."""

services = Table(
    "services",
    metadata,
    Column("service", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("head_hash", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("stable", Text),
    Column("candidate", Text),
    Column("candidate_bp", Integer, nullable=False),
    Column("rollout", Text),
    Column("state", Text, nullable=False),
)
"""One row a service: its folded state at `position`, and what people ask first in columns of its own (versions)."""

rollouts = Table(
    "rollouts",
    metadata,
    Column("rollout", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("from_version", Text),
    Column("plan", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("weight_bp", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("started_because", Text, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", Text),
    Column("ended_because", Text),
    Column("trigger", Text),
    Column("exposed_requests", BigInteger, nullable=False, server_default="0"),
    Column("back", Boolean, nullable=False, server_default=false()),
    Column("promoted_at", Instant),
    Column("ended_position", BigInteger),
    Column("mark", Text),
    Column("marked_at", Instant),
    Column("marked_by", Text),
    Column("marked_because", Text),
    Index("rollouts_service", "service", "started_at"),
    Index("rollouts_ended", "status", "ended_at"),
)
"""
One row a rollout. status: preparing, holding, waiting, paused, promoted, aborted, superseded or reverted.

exposed_requests: users' requests that windows counted on it while it was the candidate; copies for a mirror are none.
back: it brought an older release back. ended_position: of the fact by which it ended. mark: what people said last of
its being taken back, false_alarm or true_alarm.
"""

steps = Table(
    "steps",
    metadata,
    Column("rollout", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("weight_bp", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    PrimaryKeyConstraint("rollout", "position", name="steps_rollout_position"),
)
"""Every step a candidate entered, perhaps again, and when its hold ends or ended (a pause moves that)."""

routes = Table(
    "routes",
    metadata,
    Column("service", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_because", Text, nullable=False),
    Column("rollout", Text, nullable=False),
    Column("stable", Text),
    Column("stable_digest", Text),
    Column("candidate", Text),
    Column("candidate_digest", Text),
    Column("candidate_rollout", Text),
    Column("candidate_bp", Integer, nullable=False),
    Column("candidate_most_bp", Integer, nullable=False),
    Column("segments", Text, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("service", "epoch", name="routes_service_epoch"),
    Index("routes_position", "service", "position"),
    Index("routes_rollout", "rollout"),
    Index("routes_set_at", "set_at"),
    Index("routes_candidate_rollout", "candidate_rollout"),
    Index("routes_stable", "service", "stable_digest", "epoch"),
    Index("routes_candidate", "service", "candidate_digest", "epoch"),
)
"""
Every routing table there ever was; `body` is the table as routers got it.

rollout: in which it was set. candidate_rollout: whose candidate that is. candidate_most_bp: the largest share that the
candidate has, of all users or of a segment's. segments: JSON list, as in `body`.
"""

releases = Table(
    "releases",
    metadata,
    Column("service", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("ensemble", Text, nullable=False),
    Column("sample_rate_hz", Integer, nullable=False),
    Column("token_rate_hz", Float, nullable=False),
    Column("build_time", Text, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("ready_at", Instant),
    Column("promoted_at", Instant),
    Column("failed_at", Instant),
    Column("quarantined_at", Instant),
    Column("unloaded_at", Instant),
    PrimaryKeyConstraint("service", "digest", name="releases_service_digest"),
    Index("releases_ensemble", "service", "ensemble"),
)
"""Every release that a rollout of a service was about, and when it last became what; a lifted quarantine is empty."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("service", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("rollout", Text, nullable=False),
    Column("gate", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Column("guilty", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("judged_at", Instant, nullable=False),
    PrimaryKeyConstraint("service", "position", name="verdicts_service_position"),
    Index("verdicts_rollout", "rollout"),
)
"""
Every answer of a gate that differed from its answer before, and every proof that let a candidate on.

figures: JSON list of {name, value, limit, samples}. guilty: JSON list of the measures that were proven worse.
"""

routers = Table(
    "routers",
    metadata,
    Column("service", Text, nullable=False),
    Column("router", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("applied_at", Instant, nullable=False),
    Column("speaking", Text),
    PrimaryKeyConstraint("service", "router", name="routers_service_router"),
)
"""
What each router that has not ended reported last: the epoch it serves, and by the fact at which position.

speaking: JSON list of the ensembles that it may still ask; empty (NULL) when it does not say.
"""

applied = Table(
    "applied",
    metadata,
    Column("service", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("router", Text, nullable=False),
    Column("applied_at", Instant, nullable=False),
    Column("joined", Boolean, nullable=False),
    PrimaryKeyConstraint("service", "epoch", "router", name="applied_service_epoch_router"),
    Index("applied_router", "service", "router", "epoch"),
)
"""
Since when each router served each table, by its own clock, as it said first.

joined: it had told of no table before.
"""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("service", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("signed_at", Instant, nullable=False),
    Column("signature", Text, nullable=False),
    Column("number", BigInteger, nullable=False, server_default="0"),
    Column("previous", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("service", "position", "key", name="checkpoints_service_position_key"),
    Index("checkpoints_number", "key", "number", unique=True, **_where("number > 0")),
)
"""Signed words that a fact had this hash; see `wire.checkpoint`. Never updated, never deleted from."""

closings = Table(
    "closings",
    metadata,
    Column("key", Text, nullable=False),
    Column("month", Text, nullable=False),
    PrimaryKeyConstraint("key", "month", name="closings_key_month"),
)
"""Partitions of the journal, by their tables' names, in which a key has signed the last fact of every stream."""

schema_history = Table(
    "schema_history",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("segue_version", Text, nullable=False),
    Column("upgraded_at", Instant, nullable=False),
)
"""Which Segue brought the schema to which revision."""
