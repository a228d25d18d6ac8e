"""
The views of revision 0013: what each rollout counts as in a report, and the same summed up by service and month.

What the columns mean stands in docs/audit.md, and what the figures mean in docs/report.md.
"""

from collections.abc import Iterator
from typing import Final

from migrations import auditing
from migrations.auditing import Words

VIEWS: Final = ("audit_changes", "audit_months")

EVERY_VIEW: Final = (*auditing.VIEWS, *VIEWS)
"""All that auditors may ask, in the order in which the views came to be."""

_BLAMES: Final = "('alert', 'order', 'release_failed', 'evidence', 'gate')"
"""The triggers that say something against a release itself, those that condemn it."""


def views(words: Words) -> Iterator[str]:
    """Return the statements that create the views."""
    yield f"CREATE VIEW audit_changes AS {_changes(words)}"
    yield f"CREATE VIEW audit_months AS {_months()}"


def _changes(words: Words) -> str:
    def seconds(until: str, since: str) -> str:
        return f"CAST({words.between_ms(until, since)} AS double precision) / 1000"

    # Whoever was taken back has a table after each of his own.
    as_candidate = f"""coalesce((
            SELECT CAST(sum({words.between_ms("w.set_at", "u.set_at")}) AS double precision) / 1000
            FROM routes u JOIN routes w ON w.service = u.service AND w.epoch = u.epoch + 1
            WHERE u.candidate_rollout = t.rollout AND u.candidate_most_bp > 0
        ), 0)"""
    counted_at = "coalesce(t.promoted_at, t.ended_at, t.started_at)"
    return f"""
    SELECT t.service, t.rollout, t.release, t.digest, t.result, {counted_at} AS counted_at,
        {words.month_of(counted_at)} AS month, t.promoted_at,
        CASE WHEN t.result <> 'way_back' THEN {seconds("t.promoted_at", "t.started_at")} END AS lead_time_s,
        t.taken_back_at,
        CASE WHEN t.blamed = 1 THEN {seconds("t.restored_at", "t.sign_at")} END AS time_to_restore_s,
        CASE WHEN t.blamed = 1 THEN {as_candidate} + coalesce({
        seconds("t.taken_back_at", "t.promoted_at")
    }, 0) END AS exposed_s,
        CASE WHEN t.blamed = 1 THEN t.exposed_requests END AS exposed_requests,
        t.mark, t.marked_by, t.marked_because
    FROM (
        SELECT q.*,
            CASE WHEN q.outcome = 'running' THEN 'running' WHEN q.back = 1 THEN 'way_back'
                WHEN q.blamed = 1 AND q.mark = 'false_alarm' THEN 'false_alarm' WHEN q.blamed = 1 THEN 'failed'
                WHEN q.outcome IN ('promoted', 'superseded') THEN q.outcome
                WHEN q.taken_back_at IS NOT NULL THEN 'withdrawn' ELSE 'unheard' END AS result
        FROM ({_taken_back()}) q
    ) t
    """


def _taken_back() -> str:
    """
    Return the query of each rollout's way back, if it had one: by whom it came, from when to when, and the mark.

    n: what was promoted next and stayed, where that was an older release that was brought back. o: the revert with
    which a candidate fell that had done nothing.
    """
    applied = "SELECT max(p.applied_at) FROM applied p WHERE p.service = n.service AND NOT p.joined AND p.epoch"
    epoch = "SELECT min(e.epoch) FROM routes e WHERE e.rollout = n.rollout AND e.stable_digest = n.digest"
    return f"""
        SELECT r.service, r.rollout, r.version AS release, r.digest, r.started_at, r.ended_at, r.promoted_at,
            r.exposed_requests, CASE WHEN r.back THEN 1 ELSE 0 END AS back,
            CASE WHEN r.ended_at IS NULL THEN 'running' ELSE r.status END AS outcome,
            coalesce(n.ended_at, b.decided_at) AS taken_back_at,
            CASE WHEN NOT r.back AND (n.rollout IS NOT NULL OR (b.trigger IN {_BLAMES} AND NOT EXISTS (
                SELECT 1 FROM rollouts o WHERE o.service = r.service AND o.status = 'reverted'
                    AND o.ended_position = r.ended_position + 1 AND r.status = 'aborted'
            ))) THEN 1 ELSE 0 END AS blamed,
            coalesce(n.started_at, b.alert_received_at, b.decided_at) AS sign_at,
            coalesce(({applied} = ({epoch})), n.ended_at, b.last_applied_at, b.table_set_at) AS restored_at,
            coalesce(n.mark, b.mark) AS mark, coalesce(n.marked_by, b.marked_by) AS marked_by,
            coalesce(n.marked_because, b.marked_because) AS marked_because
        FROM rollouts r
        LEFT JOIN rollouts n ON n.back AND n.rollout = CASE WHEN r.status = 'promoted' THEN (
            SELECT f.rollout FROM rollouts f
            WHERE f.service = r.service AND f.started_at >= r.promoted_at AND f.rollout <> r.rollout
                AND f.status = 'promoted'
            ORDER BY f.started_at LIMIT 1
        ) END
        LEFT JOIN audit_rollbacks b ON b.service = r.service AND b.position = r.ended_position
    """


def _months() -> str:
    def count(*results: str) -> str:
        return f"CAST(sum(CASE WHEN m.result IN ({', '.join(map(repr, results))}) THEN 1 ELSE 0 END) AS bigint)"

    def in_s(aggregate: str) -> str:
        return f"CAST(round({aggregate} * 1000) AS double precision) / 1000"

    def median(value: str) -> str:
        middle = f"m.{value}_n IN ((m.{value}_c + 1) / 2, (m.{value}_c + 2) / 2)"
        return in_s(f"avg(CASE WHEN {middle} THEN m.{value}_s END)")

    def ranked(value: str, result: str) -> str:
        within = "PARTITION BY a.service, a.month"
        counted = f"CASE WHEN a.result {result} THEN a.{value}_s END"
        # Where a store puts what is missing is its own matter, so it is said.
        order = f"ORDER BY CASE WHEN {counted} IS NULL THEN 1 ELSE 0 END, {counted}"
        return f"""{counted} AS {value}_s, count({counted}) OVER ({within}) AS {value}_c,
                row_number() OVER ({within} {order}) AS {value}_n"""

    changes = count("promoted", "failed", "false_alarm")
    return f"""
    SELECT m.service, m.month,
        CAST(sum(CASE WHEN m.lead_time_s IS NOT NULL THEN 1 ELSE 0 END) AS bigint) AS deployments,
        {median("lead_time")} AS lead_time_s,
        {changes} AS changes, {count("failed")} AS failed, {count("false_alarm")} AS false_alarms,
        CASE WHEN {changes} > 0 THEN CAST({count("failed")} AS double precision) / {changes} END
            AS change_failure_rate,
        {median("time_to_restore")} AS time_to_restore_s,
        CAST(coalesce(sum(CASE WHEN m.result = 'failed' THEN m.exposed_requests END), 0) AS bigint) AS exposed_requests,
        {in_s("coalesce(sum(CASE WHEN m.result = 'failed' THEN m.exposed_s END), 0)")} AS exposed_s,
        {count("superseded")} AS superseded, {count("withdrawn")} AS withdrawn, {count("unheard")} AS unheard,
        {count("way_back")} AS ways_back, {count("running")} AS running
    FROM (
        SELECT a.service, a.month, a.result, a.exposed_requests, a.exposed_s,
            {ranked("lead_time", "<> 'way_back'")},
            {ranked("time_to_restore", "= 'failed'")}
        FROM audit_changes a
    ) m
    GROUP BY m.service, m.month
    """
