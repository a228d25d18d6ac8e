"""
What one transaction writes, by as few ways to PostgreSQL and back as can be: statements of several tables go as one.

Each waits for an answer else, and an alert's transaction has eight that only write. SQLite's go nowhere, and are left
as they are. No part of a statement sees what the others write. So each writes a table of its own, and reads no other.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection

Rows = Sequence[tuple[object, ...]]


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """
    Send what `write` is given within the block when it ends, in that order as far as anybody can tell.

    Whatever a statement raises is raised there; when the block itself raises, nothing is sent. What is sent within the
    block by other means comes before.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    waiting: list[tuple[str, Rows]] = []
    connection.info[_WAITING] = waiting
    try:
        yield
    finally:
        del connection.info[_WAITING]
    _send(connection, waiting)


def write(connection: Connection, text: str, rows: Rows) -> None:
    """Write rows by a statement as the driver takes it: now, or with the others of the block around."""
    waiting: list[tuple[str, Rows]] | None = connection.info.get(_WAITING)
    if waiting is None:
        connection.exec_driver_sql(text, list(rows))
    else:
        waiting.append((text, rows))


_WAITING: Final = "segue_together"


@dataclass(slots=True)
class _Group:
    """Statements that may go as one, with their values, and the tables that they write."""

    texts: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)


def _send(connection: Connection, waiting: Sequence[tuple[str, Rows]]) -> None:
    group = _Group()
    for text, rows in waiting:
        arrays = _of_arrays(text)
        if arrays is None and len(rows) > 1:
            _send_group(connection, group)
            connection.exec_driver_sql(text, list(rows))
            group = _Group()
            continue
        table = _table(text)
        if table in group.tables:
            _send_group(connection, group)
            group = _Group()
        group.texts.append(arrays or text)
        # As many arrays as columns, whatever the number of rows: there are few texts, and each is prepared once.
        group.values += zip(*rows, strict=True) if arrays else rows[0]
        group.tables.add(table)
    _send_group(connection, group)


def _send_group(connection: Connection, group: _Group) -> None:
    if group.texts:
        connection.exec_driver_sql(_as_one(tuple(group.texts)), tuple(group.values))


@lru_cache(maxsize=512)
def _table(text: str) -> str:
    found = _WRITES.match(text)
    assert found, f"neither INSERT, UPDATE nor DELETE: {text}"
    return found[1]


@lru_cache(maxsize=512)
def _of_arrays(text: str) -> str | None:
    """Return an INSERT of plain values as one of any number of rows, in their order, or None when it is no such."""
    head, values, tail = text.partition(" VALUES (")
    if not (values and text.startswith("INSERT INTO ")):
        return None
    casts = tail.removesuffix(")").split(", ")
    if not all(_CAST.fullmatch(cast) for cast in casts):
        return None
    return f"{head} SELECT * FROM unnest({', '.join(f'{cast}[]' for cast in casts)})"  # noqa: S608  # names and types of our own


@lru_cache(maxsize=512)
def _as_one(texts: tuple[str, ...]) -> str:
    renumbered = []
    before = 0
    for text in texts:
        renumbered.append(_PLACE.sub(lambda place, before=before: f"${int(place[1]) + before}", text))  # type: ignore[misc]  # mypy knows no lambda with a default
        before += max(int(place) for place in _PLACE.findall(text))
    *parts, last = renumbered
    return ("WITH " + ", ".join(f"part_{n} AS ({part})" for n, part in enumerate(parts)) + " " if parts else "") + last


_WRITES: Final = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")
_CAST: Final = re.compile(r"\$\d+::[A-Z ]+")
_PLACE: Final = re.compile(r"\$(\d+)")
