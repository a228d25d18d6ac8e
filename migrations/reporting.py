"""
The views of revision 0011: what each rollout counts as in a report, and the same summed up by service and month.

What the columns mean stands in docs/audit.md, and what the figures mean in docs/report.md.
"""

from collections.abc import Iterator
from typing import Final

from migrations import auditing
from migrations.auditing import Words
from migrations.marking import last_mark, marked

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
        FROM ({_taken_back(words)}) q
    ) t
    """


def _taken_back(words: Words) -> str:
    """Return the query of each rollout's way back, if it had one: by whom it came, from when to when, and the mark."""
    left = _back("ns")
    applied = "SELECT max(p.applied_at) FROM applied p WHERE p.service = n.service AND NOT p.joined AND p.epoch"
    epoch = "SELECT min(e.epoch) FROM routes e WHERE e.rollout = n.rollout AND e.stable_digest = n.digest"
    return f"""
        SELECT x.*,
            CASE WHEN {left} THEN n.ended_at ELSE b.decided_at END AS taken_back_at,
            CASE WHEN x.back = 0 AND ({left} OR (b.trigger IN {_BLAMES} AND v.position IS NULL)) THEN 1 ELSE 0 END
                AS blamed,
            CASE WHEN {left} THEN n.started_at ELSE coalesce(b.alert_received_at, b.decided_at) END AS sign_at,
            CASE WHEN {left} THEN coalesce(({applied} = ({epoch})), n.ended_at)
                ELSE coalesce(b.last_applied_at, b.table_set_at) END AS restored_at,
            CASE WHEN {left} THEN {marked(words, "k")} ELSE b.mark END AS mark,
            CASE WHEN {left} THEN k.actor ELSE b.marked_by END AS marked_by,
            CASE WHEN {left} THEN k.reason ELSE b.marked_because END AS marked_because
        FROM ({_rollouts()}) x
        LEFT JOIN rollouts n ON n.rollout = x.next
        LEFT JOIN journal ns ON ns.rollout = n.rollout AND {_is("ns", "RolloutStarted")}
        LEFT JOIN journal k ON k.stream = n.service AND k.position = ({last_mark("n.rollout")})
        LEFT JOIN audit_rollbacks b ON b.service = x.service AND b.position = x.end_position
        LEFT JOIN journal v ON v.stream = b.service AND v.position = b.position + 1 AND b.kind = 'abort'
            AND v.type = 'PromotionReverted'
    """


def _rollouts() -> str:
    """Return the query of each rollout with its promotion, and with the one that was promoted after it and stayed."""
    promoted_at = f"SELECT j.occurred_at FROM journal j WHERE j.rollout = r.rollout AND {_is('j', 'RolloutPromoted')}"
    return f"""
            SELECT r.service, r.rollout, r.release, r.digest, r.outcome, r.started_at, r.ended_at,
                r.exposed_requests,
                CASE WHEN {_back("s")} THEN 1 ELSE 0 END AS back,
                CASE r.outcome WHEN 'promoted' THEN r.ended_at WHEN 'reverted' THEN ({promoted_at}) END AS promoted_at,
                CASE WHEN r.outcome = 'promoted' THEN (
                    SELECT o.rollout FROM rollouts o
                    WHERE o.service = r.service AND o.started_at >= r.ended_at AND o.rollout <> r.rollout
                        AND o.status = 'promoted'
                    ORDER BY o.started_at LIMIT 1
                ) END AS next,
                CASE WHEN r.outcome IN ('aborted', 'reverted') THEN (
                    SELECT max(z.position) FROM journal z
                    WHERE z.rollout = r.rollout AND z.type IN ('RolloutAborted', 'PromotionReverted')
                        AND z.type <> 'WindowMeasured'
                ) END AS end_position
            FROM audit_rollouts r
            JOIN journal s ON s.rollout = r.rollout AND {_is("s", "RolloutStarted")}
    """


def _is(fact: str, type: str) -> str:
    # The second half is what the index of all but measurements is entered by.
    return f"{fact}.type = '{type}' AND {fact}.type <> 'WindowMeasured'"


def _back(start: str) -> str:
    # Bodies are canonical JSON, in which this can be the fact's own word alone; to read them would cost far more.
    # The backslash is for SQLAlchemy, which would take what stands behind a colon for a parameter.
    return f"""coalesce({start}.body, '') LIKE '%"back"\\:true%'"""


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
