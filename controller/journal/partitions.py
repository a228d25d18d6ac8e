"""PostgreSQL's journal lies in one partition a month; SQLite's is one table, of which there is nothing to say here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

from controller.core.errors import Broken

if TYPE_CHECKING:
    from controller.journal.store import Store

BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Since when the first partition has facts: since ever."""


@dataclass(frozen=True, slots=True)
class Month:
    """
    A partition of the journal. name: its month, such as 2026-01; the first one has all before that, too.

    table: its name. since, until: of its facts' times, since inclusive. first: whether there was never one before it.
    """

    name: str
    table: str
    since: datetime
    until: datetime
    first: bool


@dataclass(frozen=True, slots=True)
class Last:
    """A stream's last fact of a month."""

    service: str
    position: int
    hash: str


async def ahead(store: "Store") -> int:
    """
    Make the partitions of this month and the next two, as far as they are missing; return how many were made.

    Raises Conflict when somebody reads the journal for so long that it has to be done later.
    """
    return await store.write(make_ahead)


def make_ahead(connection: Connection) -> int:
    """Do it within a transaction, whoever began it."""
    if connection.dialect.name != "postgresql":
        return 0
    return int(connection.execute(_AHEAD).scalar_one())


def months(connection: Connection) -> list[Month]:
    """Return the journal's partitions, oldest first; on SQLite there are none."""
    if connection.dialect.name != "postgresql":
        return []
    return [
        Month(row.name[-7:].replace("_", "-"), row.name, row.since or BEGINNING, row.until, row.since is None)
        for row in connection.execute(_MONTHS)
    ]


def last_facts(connection: Connection, month: Month, services: Sequence[str] | None = None) -> list[Last]:
    """Return the last fact of each stream that has one in a month, or of these streams."""
    bounds = {"since": month.since, "until": month.until, "services": services}
    return [Last(*row) for row in connection.execute(_LAST, bounds)]


def detached_before(connection: Connection) -> datetime | None:
    """Return up to when months were detached; None when all are there."""
    known = months(connection)
    return known[0].since if known and not known[0].first else None


def check_whole(connection: Connection, service: str | None = None) -> None:
    """Raise Broken when facts lie in months that are detached: of one service, or of any."""
    before = detached_before(connection)
    if before is None:
        return
    lacking = connection.execute(_LACKING, {"service": service}).all()
    if lacking:
        names = ", ".join(row.service for row in lacking[:3]) + (" and others" if len(lacking) > 3 else "")
        tables = [str(name) for name in connection.scalars(_DETACHED)]
        beside = f"{', '.join(tables)} lie beside it" if tables else "no detached month is in the database any more"
        raise Broken(
            f"the journal in SQL begins at {before:%Y-%m}, and facts of {names} are older ({beside}): bring them back "
            "with `segue db attach`, the youngest first, or read them from Kafka"
        )


_AHEAD: Final = text("SELECT segue_journal_ahead()")
_MONTHS: Final = text("SELECT name, since, until FROM segue_journal_months()")
_LAST: Final = text(
    """
    SELECT s.service, f.position, f.hash
    FROM services s CROSS JOIN LATERAL (
        SELECT j.position, j.hash FROM journal j
        WHERE j.stream = s.service AND j.occurred_at >= :since AND j.occurred_at < :until
        ORDER BY j.position DESC LIMIT 1
    ) f
    WHERE s.service = ANY(CAST(:services AS text[])) OR CAST(:services AS text[]) IS NULL
    ORDER BY s.service
    """
)
_LACKING: Final = text(
    """
    SELECT s.service FROM services s
    WHERE s.position > 0 AND s.service = coalesce(CAST(:service AS text), s.service)
        AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.stream = s.service AND j.position = 1)
    ORDER BY s.service
    """
)
_DETACHED: Final = text(
    r"""
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND NOT relispartition AND relnamespace = current_schema()::regnamespace
        AND relname ~ '^journal_(until_)?\d{4}_\d\d$'
    ORDER BY right(relname, 7)
    """
)
