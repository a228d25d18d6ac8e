"""
The views of revision 0005 as SQL of either store: one text, and three expressions that each store writes its own way.

What they mean, column by column, stands in docs/audit.md. Names, order and meaning of columns never change; a later
revision may add columns at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """How a store writes what the views ask; texts with gaps that the methods fill."""

    field: str
    said: str
    instant: str
    since_ms: str
    month: str

    def text(self, json: str, *path: str) -> str:
        """Return the text at a path of a JSON text."""
        return self.field.format(json=json, dotted=".".join(path), commas=",".join(path))

    def of_message(self, *path: str) -> str:
        """Return the same of a message's bytes, those of the inbox `i`."""
        return self.said.format(bytes="i.value", dotted=".".join(path), commas=",".join(path))

    def at(self, ms: str) -> str:
        """Return the instant that lies so many milliseconds after 1970."""
        return self.instant.format(ms=ms)

    def between_ms(self, until: str, since: str) -> str:
        """Return the milliseconds from one instant to another."""
        return self.since_ms.format(until=until, since=since)

    def month_of(self, at: str) -> str:
        """Return the month of an instant in UTC, such as 2026-03."""
        return self.month.format(at=at)


SQLITE: Final = Words(
    field="json_extract({json}, '$.{dotted}')",
    said="json_extract(CAST({bytes} AS TEXT), '$.{dotted}')",
    instant="strftime('%Y-%m-%dT%H:%M:%S', ({ms}) / 1000, 'unixepoch') || printf('.%03dZ', ({ms}) % 1000)",
    # A Julian day is kept to 0.04 ms, so rounding gives the exact number.
    since_ms="CAST(round((julianday({until}) - julianday({since})) * 86400000) AS INTEGER)",
    month="substr({at}, 1, 7)",
)
POSTGRES: Final = Words(
    field="({json}::json #>> '{{{commas}}}')",
    said="(convert_from({bytes}, 'UTF8')::json #>> '{{{commas}}}')",
    instant="(timestamptz 'epoch' + ({ms}) * interval '1 millisecond')",
    since_ms="CAST(round(extract(epoch FROM ({until}) - ({since})) * 1000) AS bigint)",
    month="to_char({at} AT TIME ZONE 'UTC', 'YYYY-MM')",
)

VIEWS: Final = (
    "audit_events",
    "audit_rollouts",
    "audit_weights",
    "audit_rollbacks",
    "audit_orders",
    "audit_refusals",
    "audit_releases",
)


def views(words: Words) -> Iterator[str]:
    """Return the statements that create the views."""
    field, said, instant, since_ms = words.text, words.of_message, words.at, words.between_ms
    yield """
    CREATE VIEW audit_events AS
    SELECT stream AS service, position, occurred_at AS at, type, actor, reason, rollout, cause, body
    FROM journal
    """
    yield f"""
    CREATE VIEW audit_rollouts AS
    SELECT r.service, r.rollout, r.version AS release, r.digest, r.from_version AS from_release, r.plan,
        r.started_at, r.started_by, r.started_because, r.ended_at, r.ended_by, r.ended_because,
        CASE WHEN r.ended_at IS NULL THEN 'running' ELSE r.status END AS outcome, r.trigger,
        coalesce((
            SELECT max(t.candidate_most_bp) FROM routes t WHERE t.candidate_rollout = r.rollout
        ), 0) AS max_weight_bp,
        CAST(coalesce((
            SELECT sum({since_ms(f"coalesce(n.set_at, {instant('s.at_ms')})", "t.set_at")})
            FROM routes t
            JOIN services s ON s.service = t.service
            LEFT JOIN routes n ON n.service = t.service AND n.epoch = t.epoch + 1
            WHERE t.candidate_rollout = r.rollout AND t.candidate_most_bp > 0
        ), 0) AS double precision) / 1000 AS exposed_s,
        r.exposed_requests,
        CASE WHEN r.status IN ('aborted', 'reverted') THEN CAST({
        since_ms(
            "r.ended_at",
            '''(
            SELECT min(t.set_at) FROM routes t
            WHERE (t.candidate_rollout = r.rollout AND t.candidate_most_bp > 0)
                OR (t.rollout = r.rollout AND t.stable_digest = r.digest)
        )''',
        )
    } AS double precision) / 1000 END AS time_to_rollback_s
    FROM rollouts r
    """
    yield """
    CREATE VIEW audit_weights AS
    SELECT t.service, t.stable AS release, t.stable_digest AS digest, 'stable' AS role,
        10000 - t.candidate_bp AS weight_bp, '[]' AS segments, t.set_at AS valid_from, n.set_at AS valid_to,
        t.set_by AS actor, t.set_because AS reason, t.epoch, t.rollout
    FROM routes t
    LEFT JOIN routes n ON n.service = t.service AND n.epoch = t.epoch + 1
    WHERE t.stable IS NOT NULL
    UNION ALL
    SELECT t.service, t.candidate, t.candidate_digest, 'candidate',
        t.candidate_bp, t.segments, t.set_at, n.set_at,
        t.set_by, t.set_because, t.epoch, t.rollout
    FROM routes t
    LEFT JOIN routes n ON n.service = t.service AND n.epoch = t.epoch + 1
    WHERE t.candidate IS NOT NULL
    """
    yield f"CREATE VIEW audit_rollbacks AS {rollbacks(words)}"
    yield f"""
    CREATE VIEW audit_orders AS
    SELECT i.service, {instant("i.sent_ms")} AS ordered_at,
        replace({said("type")}, 'io.segue.', '') AS what,
        {said("data", "actor")} AS actor, {said("data", "reason")} AS reason, {said("data")} AS asked,
        CASE WHEN i.facts = 0 THEN 'quiet' WHEN j.type = 'OrderRefused' THEN 'refused' ELSE 'accepted' END AS outcome,
        CASE WHEN j.type = 'OrderRefused' THEN j.reason END AS refused_because,
        coalesce(j.rollout, '') AS rollout, j.position, i.id AS cause
    FROM inbox i
    LEFT JOIN journal j ON j.stream = i.service AND j.position = i.position + 1 AND i.facts > 0
    WHERE i.topic = 'rollout.ordered' AND i.source <> 'segue/rejected'
    """
    yield f"""
    CREATE VIEW audit_refusals AS
    SELECT j.stream AS service, j.position, j.occurred_at AS refused_at,
        CASE j.type WHEN 'RequestRefused' THEN 'request' WHEN 'OrderRefused' THEN 'order' ELSE 'message' END AS kind,
        coalesce({field("j.body", "release", "version")}, {field("j.body", "order")}, {
        field("j.body", "letter")
    }) AS what,
        j.actor, j.reason, j.rollout, j.cause
    FROM journal j
    WHERE j.type <> 'WindowMeasured' AND j.type IN ('RequestRefused', 'OrderRefused', 'MessageRejected')
    """
    stable = "SELECT t.epoch FROM routes t WHERE t.service = l.service AND t.stable_digest = l.digest"
    candidate = "SELECT t.epoch FROM routes t WHERE t.service = l.service AND t.candidate_digest = l.digest"
    # Two questions, not one with OR: each goes down an index of its own.
    served = f"{stable} UNION ALL {candidate} AND t.candidate_most_bp > 0"
    yield f"""
    CREATE VIEW audit_releases AS
    SELECT l.service, l.version AS release, l.digest, l.requested_at, l.requested_by,
        {_from(served)} AS served_from,
        {_until(served)} AS served_until,
        {_from(stable)} AS stable_from,
        {_until(stable)} AS stable_until,
        l.quarantined_at
    FROM releases l
    """


def rollbacks(words: Words) -> str:
    """Return what `audit_rollbacks` asks, as of revision 0005."""
    field, said, instant, since_ms = words.text, words.of_message, words.at, words.between_ms
    # A decision's facts stand side by side: the verdict or the alert before the fact that it led to, the table after.
    # A router that had no table before did not have to change its mind, and says when it began, not how fast it heard.
    applied = "SELECT {which}(p.applied_at) FROM applied p WHERE p.service = b.service AND p.epoch = b.epoch"
    applied = f"({applied} AND NOT p.joined)"
    return f"""
    SELECT c.service, c.position, c.rollout, c.release, c.digest, c.kind, c.trigger, c.actor, c.reason,
        c.guilty, c.evidence, c.alertname, c.fingerprint, c.epoch,
        c.alert_received_at, c.decided_at, c.table_set_at, c.first_applied_at, c.last_applied_at,
        {since_ms("c.decided_at", "c.alert_received_at")} AS alert_to_decided_ms,
        {since_ms("c.table_set_at", "c.decided_at")} AS decided_to_table_ms,
        {since_ms("c.first_applied_at", "c.table_set_at")} AS table_to_first_ms,
        {since_ms("c.last_applied_at", "c.table_set_at")} AS table_to_last_ms
    FROM (
        SELECT b.*, {applied.format(which="min")} AS first_applied_at, {applied.format(which="max")} AS last_applied_at
        FROM (
            SELECT j.stream AS service, j.position, j.rollout,
                {field("j.body", "release", "version")} AS release, {field("j.body", "release", "digest")} AS digest,
                CASE WHEN j.type = 'RolloutAborted' THEN 'abort' ELSE 'revert' END AS kind,
                {field("j.body", "trigger")} AS trigger, j.actor, j.reason,
                coalesce({field("j.body", "guilty")}, '[]') AS guilty, coalesce(v.figures, '[]') AS evidence,
                {field("a.body", "alertname")} AS alertname, {field("a.body", "fingerprint")} AS fingerprint,
                t.epoch,
                CASE WHEN a.position IS NOT NULL THEN (
                    SELECT {instant(f"min(CAST({said('data', 'received_at_ms')} AS bigint))")}
                    FROM inbox i WHERE i.topic = 'alerts.received' AND i.id = j.cause AND i.service = j.stream
                ) END AS alert_received_at,
                j.occurred_at AS decided_at, j.recorded_at AS table_set_at
            FROM journal j
            LEFT JOIN routes t ON t.service = j.stream AND t.position = (
                SELECT o.position FROM routes o
                WHERE o.service = j.stream AND o.position > j.position ORDER BY o.position LIMIT 1
            )
            LEFT JOIN journal a ON a.stream = j.stream AND a.position IN (j.position - 1, j.position - 2)
                AND a.type = 'AlertMatched' AND a.cause = j.cause
            LEFT JOIN verdicts v ON v.service = j.stream AND v.position = j.position - 1
                AND v.rollout = j.rollout AND v.outcome = 'fail'
            WHERE j.type <> 'WindowMeasured' AND j.type IN ('RolloutAborted', 'PromotionReverted') AND (
                j.type = 'PromotionReverted' OR EXISTS (
                    SELECT 1 FROM routes h WHERE h.candidate_rollout = j.rollout AND h.candidate_most_bp > 0
                )
            )
        ) b
    ) c
    """


def _from(epochs: str) -> str:
    return f"""(
            SELECT n.set_at FROM routes n
            WHERE n.service = l.service AND n.epoch = (SELECT min(e.epoch) FROM ({epochs}) e)
        )"""


def _until(epochs: str) -> str:
    return f"""(
            SELECT n.set_at FROM routes n
            WHERE n.service = l.service AND n.epoch = 1 + (SELECT max(e.epoch) FROM ({epochs}) e)
        )"""
