"""
The views `audit_weights` and `audit_orders` since revision 0009: their rows are as before, put together from parts.

Each part says by a constant what all its rows have in common, such as the outcome. So a store leaves out the parts that
a question does not ask for, and finds the few refused orders from the facts that refused them.
"""

from collections.abc import Iterator

from migrations.auditing import Words


def statements(words: Words, *, postgres: bool) -> Iterator[str]:
    """Return the statements that make the views anew; on PostgreSQL they keep their grants."""
    for name, parts in (("audit_weights", _weights()), ("audit_orders", _orders(words))):
        if not postgres:
            yield f"DROP VIEW {name}"
        yield f"CREATE {'OR REPLACE ' if postgres else ''}VIEW {name} AS {' UNION ALL '.join(parts)}"


def _weights() -> Iterator[str]:
    # Past tables first: PostgreSQL takes the type of a column from them, and NULL has none.
    past = "JOIN routes n ON n.service = t.service AND n.epoch = t.epoch + 1"
    live = "JOIN services s ON s.service = t.service AND s.epoch = t.epoch"
    for join, until in ((past, "n.set_at"), (live, "NULL")):
        yield f"""
        SELECT t.service, t.stable AS release, t.stable_digest AS digest, 'stable' AS role,
            10000 - t.candidate_bp AS weight_bp, '[]' AS segments, t.set_at AS valid_from, {until} AS valid_to,
            t.set_by AS actor, t.set_because AS reason, t.epoch, t.rollout
        FROM routes t {join} WHERE t.stable IS NOT NULL
        """
        yield f"""
        SELECT t.service, t.candidate, t.candidate_digest, 'candidate',
            t.candidate_bp, t.segments, t.set_at, {until},
            t.set_by, t.set_because, t.epoch, t.rollout
        FROM routes t {join} WHERE t.candidate IS NOT NULL
        """


def _orders(words: Words) -> Iterator[str]:
    yield from orders(f"""
        i.service, {words.at("i.sent_ms")} AS ordered_at,
        replace({words.of_message("type")}, 'io.segue.', '') AS what,
        {words.of_message("data", "actor")} AS actor, {words.of_message("data", "reason")} AS reason,
        {words.of_message("data")} AS asked
    """)


def orders(said: str) -> Iterator[str]:
    """Return the parts of `audit_orders`. said: the columns that are read from the message itself."""
    ordered = "i.topic = 'rollout.ordered' AND i.source <> 'segue/rejected'"
    first = "j.stream = i.service AND j.position = i.position + 1"
    yield f"""
    SELECT {said}, 'accepted' AS outcome, CAST(NULL AS text) AS refused_because, j.rollout, j.position, i.id AS cause
    FROM inbox i JOIN journal j ON {first} WHERE {ordered} AND i.facts > 0 AND j.type <> 'OrderRefused'
    """
    yield f"""
    SELECT {said}, 'refused', j.reason, j.rollout, j.position, i.id
    FROM journal j JOIN inbox i ON i.service = j.stream AND i.position = j.position - 1
    WHERE {ordered} AND i.facts > 0 AND j.type = 'OrderRefused' AND j.type <> 'WindowMeasured'
    """
    yield f"""
    SELECT {said}, 'quiet', NULL, '', NULL, i.id FROM inbox i WHERE {ordered} AND i.facts = 0
    """
