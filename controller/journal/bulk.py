"""
Statements that every message goes through: SQLAlchemy writes their text once, after that only values travel.

It works out each row's values anew otherwise, which took longer than SQLite takes to write them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, Delete, Dialect, Insert, LargeBinary, Row, Select, Update
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from controller.journal.bound import padded
from controller.journal.together import write

Values = Mapping[str, object]


class Bulk:
    """A statement that writes rows."""

    def __init__(self, statement: Insert | Update | Delete) -> None:
        """statement: its bind parameters are the rows' names; an INSERT without any takes columns of these names."""
        self._statement: Final = statement
        self._prepared: dict[str, _Prepared] = {}

    def run(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Write rows, all of the same names; there must be one. See `together` for when they are sent."""
        dialect = connection.dialect
        prepared = self._prepared.get(dialect.name)
        if prepared is None:
            prepared = self._prepared[dialect.name] = _prepared(self._statement, dialect, rows[0].keys())
        write(connection, prepared.text, prepared.rows(rows))


class Listed:
    """A SELECT of what is in a list: one text for each number of things, of which `padded` leaves few."""

    def __init__(self, statement: Callable[[int], Select[Any] | CompoundSelect[Any]]) -> None:
        """statement: the SELECT for so many things; its bind parameters are their texts, one after the other."""
        self._statement: Final = statement
        self._texts: dict[tuple[str, int], str] = {}

    def run(self, connection: Connection, wanted: Sequence[Sequence[str]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Read the rows, as the driver gives them; wanted: the texts of each thing, of which there must be one."""
        things, dialect = padded(wanted), connection.dialect
        place = dialect.name, len(things)
        text = self._texts.get(place)
        if text is None:
            text = self._texts[place] = str(self._statement(len(things)).compile(dialect=dialect))
        return connection.exec_driver_sql(text, tuple(chain.from_iterable(things))).all()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """text: as the driver takes it. columns: in the driver's order, how to read one's values out of all rows."""

    text: str
    columns: Sequence[Callable[[Sequence[Values]], Iterable[object]]]

    def rows(self, rows: Sequence[Values]) -> list[tuple[object, ...]]:
        """Return rows as the driver takes them."""
        # Column by column: that way no line of Python runs for each value.
        return list(zip(*(column(rows) for column in self.columns), strict=False))


def _prepared(statement: Insert | Update | Delete, dialect: Dialect, names: AbstractSet[str]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
    assert isinstance(compiled, SQLCompiler), "a statement that writes is SQL"
    places = compiled.positiontup
    assert places is not None, "both drivers take values by their places"
    assert not names.isdisjoint(places), "without a value of its own no row would be told from another"
    return _Prepared(
        str(compiled),
        [
            _column(name, compiled.binds[name].type, dialect) if name in names else _fixed(compiled.params[name])
            for name in places
        ],
    )


def _column(name: str, kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Sequence[Values]], Iterable[object]]:
    value = itemgetter(name)
    # Both drivers take bytes as they are.
    convert = None if isinstance(kind, LargeBinary) else kind.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return lambda rows: map(value, rows)
    return lambda rows: map(convert, map(value, rows))


def _fixed(value: object) -> Callable[[Sequence[Values]], Iterable[object]]:
    return lambda _rows: repeat(value)
