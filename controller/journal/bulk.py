"""
Statements that every message goes through: SQLAlchemy writes their text once, after that only values travel.

It works out each row's values anew otherwise, which took longer than SQLite takes to write them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, CursorResult, Delete, Dialect, Insert, Select, Update
from sqlalchemy.sql.compiler import SQLCompiler

from controller.journal.bound import padded

Values = Mapping[str, object]


class Bulk:
    """A statement that writes rows."""

    def __init__(self, statement: Insert | Update | Delete) -> None:
        """statement: its bind parameters are the rows' names; an INSERT without any takes columns of these names."""
        self._statement: Final = statement
        self._prepared: dict[str, _Prepared] = {}

    def run(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Write rows, all of the same names; there must be one."""
        dialect = connection.dialect
        prepared = self._prepared.get(dialect.name)
        if prepared is None:
            prepared = self._prepared[dialect.name] = _prepared(self._statement, dialect, rows[0].keys())
        connection.exec_driver_sql(prepared.text, prepared.rows(rows))


class Listed:
    """A SELECT of what is in a list: one text for each number of things, of which `padded` leaves few."""

    def __init__(self, statement: Callable[[int], Select[Any] | CompoundSelect[Any]]) -> None:
        """statement: the SELECT for so many things; its bind parameters are their texts, one after the other."""
        self._statement: Final = statement
        self._texts: dict[tuple[str, int], str] = {}

    def run(self, connection: Connection, wanted: Sequence[Sequence[str]]) -> CursorResult[Any]:
        """Read the rows, as the driver gives them; wanted: the texts of each thing, of which there must be one."""
        things, dialect = padded(wanted), connection.dialect
        place = dialect.name, len(things)
        text = self._texts.get(place)
        if text is None:
            text = self._texts[place] = str(self._statement(len(things)).compile(dialect=dialect))
        return connection.exec_driver_sql(text, tuple(chain.from_iterable(things)))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """
    text: as the driver takes it. values: its parameters in the driver's order. fixed: those of the statement itself.
    converted: where a value goes by another type, and how it becomes one.
    """

    text: str
    values: Callable[[Values], tuple[object, ...]]
    fixed: Values
    converted: Sequence[tuple[int, Callable[[Any], Any]]]

    def rows(self, rows: Sequence[Values]) -> list[tuple[object, ...]]:
        """Return rows as the driver takes them."""
        given = [{**row, **self.fixed} for row in rows] if self.fixed else rows
        if not self.converted:
            return [self.values(row) for row in given]
        return [self._converted(row) for row in given]

    def _converted(self, row: Values) -> tuple[object, ...]:
        values = list(self.values(row))
        for place, convert in self.converted:
            values[place] = convert(values[place])
        return tuple(values)


def _prepared(statement: Insert | Update | Delete, dialect: Dialect, names: Collection[str]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
    assert isinstance(compiled, SQLCompiler), "a statement that writes is SQL"
    places = compiled.positiontup
    assert places is not None, "both drivers take values by their places"
    assert len(places) > 1, "of one name there would be no tuple"
    kinds = [compiled.binds[name].type.dialect_impl(dialect) for name in places]
    converts = [kind.bind_processor(dialect) for kind in kinds]
    return _Prepared(
        str(compiled),
        itemgetter(*places),
        {name: compiled.params[name] for name in places if name not in names},
        [(place, convert) for place, convert in enumerate(converts) if convert],
    )
