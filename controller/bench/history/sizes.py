"""How large a fact is, in the table and in each index, and how fast that grows."""

from typing import Final

from sqlalchemy import Connection, text

from controller.bench.figures import Figure
from controller.journal import Store

_WINDOWS_A_DAY: Final = 8_640
"""One every ten seconds."""


async def sized(store: Store, part: str) -> list[Figure]:
    """Return bytes per fact of the journal, of each of its indexes and of the inbox, and what a watched day adds."""
    return await store.read(lambda connection: _sized(connection, part))


def _sized(connection: Connection, part: str) -> list[Figure]:
    postgres = connection.dialect.name == "postgresql"
    facts = int(connection.execute(text("SELECT sum(position) FROM services")).scalar_one())
    rows = connection.execute(text(_POSTGRES if postgres else _SQLITE)).all()
    sizes = [(str(row.owner), str(row.name), int(row.bytes) / facts) for row in rows]
    total = {owner: sum(size for of, _, size in sizes if of == owner) for owner in ("journal", "inbox")}
    figures = [Figure(part, f"{owner} with its indexes", size, "bytes/fact") for owner, size in total.items()]
    figures += [Figure(part, f"{owner}: {name}", size, "bytes/fact") for owner, name, size in sizes if size >= 0.05]
    figures += [
        Figure(part, f"body of {row.kind}", float(row.bytes), "bytes", told=f"{row.facts} of one service's facts")
        for row in connection.execute(text(_BODIES)).all()
    ]
    a_day = (total["journal"] + total["inbox"]) * _WINDOWS_A_DAY / 2**20
    return [*figures, Figure(part, "a day of watching one rollout", a_day, "MiB", told="journal and inbox")]


# What belongs to a part of a table that is kept in parts is counted for the table.
_POSTGRES: Final = """
WITH RECURSIVE whole AS (
    SELECT c.oid, c.relname::text AS owner, c.relname::text AS name FROM pg_class c
    WHERE c.relname IN ('journal', 'inbox') AND c.relnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT h.inhrelid, w.owner, w.name FROM pg_inherits h JOIN whole w ON w.oid = h.inhparent
), parts AS (
    SELECT owner, owner AS name, pg_table_size(oid) AS bytes FROM whole
    UNION ALL
    SELECT w.owner,
        CASE WHEN x.indisprimary THEN w.owner || ' primary key' ELSE coalesce(p.relname, i.relname)::text END,
        pg_relation_size(x.indexrelid)
    FROM whole w JOIN pg_index x ON x.indrelid = w.oid JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_inherits h ON h.inhrelid = x.indexrelid LEFT JOIN pg_class p ON p.oid = h.inhparent
)
SELECT owner, name, sum(bytes) AS bytes FROM parts GROUP BY owner, name ORDER BY owner DESC, bytes DESC
"""
_SQLITE: Final = """
SELECT m.tbl_name AS owner, m.name, sum(d.pgsize) AS bytes
FROM sqlite_master m JOIN dbstat d ON d.name = m.name AND d.aggregate = TRUE
WHERE m.tbl_name IN ('journal', 'inbox') AND m.type IN ('table', 'index')
GROUP BY m.tbl_name, m.name ORDER BY m.tbl_name DESC, bytes DESC
"""
_BODIES: Final = """
SELECT CASE type WHEN 'WindowMeasured' THEN 'a window of measurements' ELSE 'any other fact' END AS kind,
    avg(length(body)) AS bytes, count(*) AS facts
FROM journal WHERE stream = (SELECT min(service) FROM services) GROUP BY 1 ORDER BY 1
"""
