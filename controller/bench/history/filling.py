"""
A store filled with many services' years: in the order of time, as it would have been written, and as fast as may be.

A day is made at a time and sorted, so that services lie among one another on disk as they do where they live.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg

from controller.bench.history.copies import Copy, Form, Row, form
from controller.bench.history.template import TABLES, Template, written
from controller.journal.schema import upgrade
from controller.wire.envelope import time_text

PROCESSES: Final = 2
_WORTH_PROCESSES: Final = 50_000
_DAYS: Final = 800
"""Longer than any year is moved."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much history: of so many services, about so many facts each, in so many rollouts."""

    services: int
    facts_each: int
    rollouts_each: int = 12
    templates: int = 12

    @property
    def small(self) -> bool:
        """Whether further processes would take longer to start than they save."""
        return self.services * self.facts_each < _WORTH_PROCESSES

    @property
    def names(self) -> list[str]:
        """The services."""
        return [f"voice-{number:04d}" for number in range(self.services)]

    def days(self, number: int) -> int:
        """By how many days the year of a service is moved."""
        return number // self.templates


def templates(size: Size, tell: Tell) -> list[Template]:
    """Decide as many years as there are templates, in several processes."""
    tell(f"deciding {size.templates} years of about {size.facts_each} facts")
    if size.small:
        return [written(seed, size.facts_each, size.rollouts_each) for seed in range(1, size.templates + 1)]
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        seeds = range(1, size.templates + 1)
        made = [pool.submit(written, seed, size.facts_each, size.rollouts_each) for seed in seeds]
        return [one.result() for one in made]


def fill_sqlite(file: Path, size: Size, made: Sequence[Template], tell: Tell) -> int:
    """Make a database of that size, and return how many facts are in it."""
    file.unlink(missing_ok=True)
    upgrade(f"sqlite:///{file}")
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    facts = asyncio.run(_fill(_Sqlite(connection, made[0].columns), _copies(size, made, 0, 1, time_text), tell))
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return facts


def fill_postgres(url: str, size: Size, made: Sequence[Template], tell: Tell) -> int:
    """Fill an empty database to that size, and return how many facts are in it."""
    upgrade(url)
    asyncio.run(_run(url, _MONTHS, _UNLOGGED, "ALTER TABLE journal DISABLE TRIGGER journal_fence"))
    if size.small:
        facts = _fill_part(url, size, made, 0, 1)
    else:
        with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
            parts = [pool.submit(_fill_part, url, size, made, part, PROCESSES) for part in range(PROCESSES)]
            facts = sum(part.result() for part in parts)
    tell("letting PostgreSQL look at its tables")
    ends = "INSERT INTO journal_ends SELECT service, position FROM services"
    asyncio.run(_run(url, ends, "ALTER TABLE journal ENABLE TRIGGER journal_fence", "VACUUM (ANALYZE)"))
    return facts


def _fill_part(url: str, size: Size, made: Sequence[Template], part: int, parts: int) -> int:
    return asyncio.run(_fill_postgres(url, size, made, part, parts))


async def _fill_postgres(url: str, size: Size, made: Sequence[Template], part: int, parts: int) -> int:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        copies = _copies(size, made, part, parts, _datetime)
        # One of them tells for all: they have as much to do.
        tell = _on_stderr if part == 0 else _to_nobody
        return await _fill(_Postgres(connection, made[0].columns), copies, tell)
    finally:
        await connection.close()


def _on_stderr(told: str) -> None:
    sys.stderr.write(f"{told} in one of {PROCESSES} parts\n")


def _to_nobody(told: str) -> None:
    """Take a word that another says as well."""


async def _run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


# A partition a month, as there is where a journal was lived in: the one for everything that was there before goes.
_MONTHS: Final = """
DO $$ DECLARE name text; month timestamptz; BEGIN
    SET LOCAL timezone = 'UTC';
    FOR name IN SELECT m.name FROM segue_journal_months() m LOOP
        EXECUTE 'ALTER TABLE journal DETACH PARTITION ' || name;
        EXECUTE 'DROP TABLE ' || name;
    END LOOP;
    FOR month IN SELECT generate_series('2025-01-01Z'::timestamptz, '2026-06-01Z', '1 month') LOOP
        PERFORM segue_journal_month(month, month + interval '1 month');
    END LOOP;
END $$
"""
# Nothing is lost by losing what can be made again, and a log of it would be as large as itself.
_UNLOGGED: Final = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    LOOP EXECUTE 'ALTER TABLE ' || name || ' SET UNLOGGED'; END LOOP;
END $$
"""


def _copies(
    size: Size, made: Sequence[Template], part: int, parts: int, as_instant: Callable[[int], object]
) -> list[Copy]:
    forms: dict[int, Form] = {}
    copies = []
    for number, name in enumerate(size.names):
        if number % parts == part:
            of = number % size.templates
            if of not in forms:
                forms[of] = form(made[of])
            copies.append(Copy(name, forms[of], size.days(number), as_instant))
    return copies


class _Target(Protocol):
    async def put(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows into a table."""


async def _fill(target: _Target, copies: Sequence[Copy], tell: Tell) -> int:
    columns = copies[0].form.columns
    at, sent = columns["journal"].index("at_ms"), columns["inbox"].index("sent_ms")
    facts = 0
    for day in range(_DAYS):
        rows = sorted((row for copy in copies for row in copy.facts(day)), key=itemgetter(at))
        if rows:
            await target.put("journal", rows)
            messages = (row for copy in copies for row in copy.messages(day))
            await target.put("inbox", sorted(messages, key=itemgetter(sent)))
            facts += len(rows)
            if day % 30 == 0:
                tell(f"day {day}: {facts} facts")
    for table in TABLES:
        if table.name not in ("journal", "inbox"):
            await target.put(table.name, [row for copy in copies for row in copy.others(table.name)])
    return facts


@dataclass(frozen=True, slots=True)
class _Sqlite:
    connection: sqlite3.Connection
    columns: Mapping[str, Sequence[str]]

    async def put(self, table: str, rows: Sequence[Row]) -> None:
        names = self.columns[table]
        told = ", ".join(f'"{name}"' for name in names)
        places = ", ".join("?" * len(names))
        self.connection.executemany(f"INSERT INTO {table} ({told}) VALUES ({places})", rows)  # noqa: S608  # our own tables' names


@dataclass(frozen=True, slots=True)
class _Postgres:
    connection: Any
    columns: Mapping[str, Sequence[str]]

    async def put(self, table: str, rows: Sequence[Row]) -> None:
        await self.connection.copy_records_to_table(table, records=rows, columns=self.columns[table])


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def _datetime(at_ms: int) -> datetime:
    return _EPOCH + at_ms * _MILLISECOND
