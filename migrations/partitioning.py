"""
What keeps PostgreSQL's journal in one partition a month, as SQL of revision 0010.

A stream's time never runs backwards, so its positions lie in the order of the months, and the months that are left
after the oldest were detached hold the end of every stream without a gap. A unique constraint of the whole journal
would have to contain the time; so each month has one of its own, and `journal_ends` is the fence between them.
"""

from typing import Final

MONTHS_AHEAD: Final = 2
"""How many months beyond the present one have their partition."""

DEFAULT: Final = "journal_default"
"""The partition of facts whose month has none: nothing that was decided is ever refused for the want of one."""

# Everything runs with the owner's rights and a fixed path, so that no login of Segue's needs any right on partitions.
_AS_OWNER: Final = "SECURITY DEFINER SET search_path = {schema}, pg_temp SET timezone = 'UTC'"

ENDS: Final = "CREATE TABLE journal_ends (stream text PRIMARY KEY, position bigint NOT NULL) WITH (fillfactor = 50)"
ENDS_FILLED: Final = "INSERT INTO journal_ends SELECT stream, max(position) FROM journal GROUP BY stream"

_FENCE: Final = """
CREATE FUNCTION segue_fence() RETURNS trigger LANGUAGE plpgsql {as_owner} AS $$
DECLARE one record;
BEGIN
    SELECT min(stream) AS stream, min(position) AS first, count(*) AS facts INTO one FROM added;
    IF one.facts = 1 THEN
        -- Nearly always, and a third of the time that grouping takes.
        UPDATE journal_ends SET position = one.first WHERE stream = one.stream AND position = one.first - 1;
        IF FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    FOR one IN
        SELECT stream, min(position) AS first, max(position) AS last, count(DISTINCT position) AS facts
        FROM added GROUP BY stream ORDER BY stream
    LOOP
        -- Two writers of one position meet at this row: the second waits for the first, and then finds another end.
        UPDATE journal_ends SET position = one.last WHERE stream = one.stream AND position = one.first - 1;
        IF NOT FOUND AND one.first = 1 THEN
            INSERT INTO journal_ends VALUES (one.stream, one.last) ON CONFLICT DO NOTHING;
        END IF;
        IF NOT FOUND OR one.facts <> one.last - one.first + 1 THEN
            RAISE unique_violation USING MESSAGE = format(
                'facts %s to %s of %s do not follow what is there', one.first, one.last, one.stream);
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""

_MONTHS: Final = r"""
CREATE FUNCTION segue_journal_months(OUT name text, OUT since timestamptz, OUT until timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE {as_owner} AS $$
    SELECT c.relname::text,
        substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)')::timestamptz,
        substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'journal'::regclass AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
    ORDER BY 3
$$
"""

_MONTH: Final = """
CREATE FUNCTION segue_journal_month(since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql {as_owner} AS $$
DECLARE name text := 'journal_' || to_char(since, 'YYYY_MM');
BEGIN
    EXECUTE format(
        'CREATE TABLE %I (LIKE journal, CONSTRAINT %I PRIMARY KEY (stream, position))', name, name || '_stream_position'
    );
    -- Facts that came before their month had a partition move into it.
    IF EXISTS (SELECT 1 FROM journal_default d WHERE d.occurred_at >= since AND d.occurred_at < until) THEN
        LOCK TABLE journal_default IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE journal_default DISABLE TRIGGER journal_append_only;
        EXECUTE format(
            'INSERT INTO %I SELECT * FROM journal_default WHERE occurred_at >= $1 AND occurred_at < $2', name
        ) USING since, until;
        DELETE FROM journal_default d WHERE d.occurred_at >= since AND d.occurred_at < until;
        ALTER TABLE journal_default ENABLE TRIGGER journal_append_only;
    END IF;
    EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, since, until);
    PERFORM segue_guard_journal(name);
END $$
"""

_GUARD: Final = """
CREATE FUNCTION segue_guard_journal(name text) RETURNS void LANGUAGE plpgsql {as_owner} AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION segue_refuse()', name
    );
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER journal_fence AFTER INSERT ON %I REFERENCING NEW TABLE AS added '
        'FOR EACH STATEMENT EXECUTE FUNCTION segue_fence()', name
    );
END $$
"""

_AHEAD: Final = """
CREATE FUNCTION segue_journal_ahead() RETURNS integer LANGUAGE plpgsql {as_owner} SET lock_timeout = '1s' AS $$
DECLARE
    since timestamptz;
    made integer := 0;
BEGIN
    -- Whoever else makes partitions waits here, and then finds them made.
    PERFORM pg_advisory_xact_lock({lock});
    SELECT max(until) INTO STRICT since FROM segue_journal_months();
    WHILE since <= date_trunc('month', now()) + interval '{months} months' LOOP
        PERFORM segue_journal_month(since, since + interval '1 month');
        since := since + interval '1 month';
        made := made + 1;
    END LOOP;
    RETURN made;
END $$
"""

_LOCK: Final = 7_334_802

FUNCTIONS: Final = {
    "segue_fence()": _FENCE,
    "segue_journal_months()": _MONTHS,
    "segue_guard_journal(text)": _GUARD,
    "segue_journal_month(timestamptz, timestamptz)": _MONTH,
    "segue_journal_ahead()": _AHEAD,
}

CALLABLE: Final = ("segue_journal_months()", "segue_journal_ahead()")
"""What Segue's processes may call; nobody but the owner may call the others."""


def functions(schema: str) -> tuple[str, ...]:
    """Return the statements that create the functions in a schema, in order."""
    as_owner = _AS_OWNER.format(schema=schema)
    named = {"as_owner": as_owner, "lock": _LOCK, "months": MONTHS_AHEAD}
    made = tuple(text.format(**named) for text in FUNCTIONS.values())
    return (*made, *(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC" for signature in FUNCTIONS))
