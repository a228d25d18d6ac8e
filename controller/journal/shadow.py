"""
The derived tables a second time, beside the living ones, and what differs between the two.

The second ones are temporary tables of the same names: on their connection every statement that names no schema goes to
them, so what writes and reads the living ones writes and reads these. They go when their session ends, however it ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    bindparam,
    delete,
    except_,
    func,
    insert,
    select,
    tuple_,
    union,
)

from controller.journal import tables
from controller.journal.bound import padded
from controller.journal.derived import DERIVED
from controller.journal.session import living_schema

_TEMPORARY: Final = {"sqlite": "temp", "postgresql": "pg_temp"}
_OWN: Final = frozenset({"fired_at"})
"""What no fact says: when a machine did something."""


@dataclass(frozen=True, slots=True)
class Differing:
    """
    A value that is not what the facts give. key: of the row. column: "" when one side has no such row.

    is_, by_facts: what stands there, and what should; None for a row that is not there, and for an empty column.
    """

    table: str
    key: str
    column: str
    is_: str | None
    by_facts: str | None


def make_shadow(connection: Connection) -> None:
    """Make the temporary tables, empty; from here on this connection sees them in place of the living ones."""
    copies = MetaData()
    for table in DERIVED:
        table.to_metadata(copies, schema=_TEMPORARY[connection.dialect.name])
    copies.create_all(connection, checkfirst=False)


def wrong_services(connection: Connection) -> set[str]:
    """Return the services of which any row is not what the facts give; NOBODY when a row belongs to none."""
    if connection.dialect.name == "postgresql":
        # It looks at temporary tables only when it is told to.
        connection.exec_driver_sql("ANALYZE " + ", ".join(f"pg_temp.{table.name}" for table in DERIVED))
    living, wrong = _living(connection), set[str]()
    for shadow in DERIVED:
        table = living[shadow.name]
        for one, other in ((table, shadow), (shadow, table)):
            found = except_(select(one), select(other)).subquery()
            asked = select(found.c[_SERVICE.get(shadow.name, "service")])
            if shadow is tables.steps:
                rollouts = tables.rollouts.c
                asked = select(func.coalesce(rollouts.service, NOBODY)).select_from(
                    found.outerjoin(tables.rollouts, rollouts.rollout == found.c.rollout)
                )
            wrong.update(connection.scalars(asked.distinct()))
    return wrong


def swap(connection: Connection, services: Iterable[str]) -> None:
    """
    Make the living rows of these services equal to the temporary ones, in the transaction that is open.

    Only rows that differ are touched, so what readers and views are bound to stays, and a sound row is only read.
    """
    living, names = _living(connection), sorted(services)
    for start in range(0, len(names), _AT_ONCE):
        some = {"services": padded(names[start : start + _AT_ONCE])}
        for shadow in DERIVED:
            table = living[shadow.name]
            keys = [table.c[column.name] for column in shadow.primary_key.columns]
            theirs, ours = select(table).where(_of_services(table)), select(shadow).where(_of_services(shadow))
            wrong = except_(theirs, ours).subquery()
            gone = delete(table).where(tuple_(*keys).in_(select(*(wrong.c[key.name] for key in keys))))
            connection.execute(gone, some)
            missing = except_(ours, theirs).subquery()
            added = insert(table).from_select([column.name for column in shadow.c], select(missing))
            connection.execute(added, some)
    if NOBODY in names:
        steps = living[tables.steps.name]
        connection.execute(delete(steps).where(steps.c.rollout.not_in(select(tables.rollouts.c.rollout))))


def prepare(connection: Connection) -> None:
    """Have every statement of `swap` prepared before somebody waits for it; touches no row."""
    swap(connection, (_NO_SERVICE,))


NOBODY: Final = ""
"""Of a rollout that no fact gives, the service is not known."""
_NO_SERVICE: Final = " "
"""No service can have this name."""
_AT_ONCE: Final = 128
_SERVICE: Final = {"steps": "rollout", "timers": "stream"}
"""The column that leads to the service, where it is not named so."""


def _of_services(table: Table) -> ColumnElement[bool]:
    # Spelled out, not joined with a table of names: PostgreSQL would take them for thousands, and read everything.
    column = table.c[_SERVICE.get(table.name, "service")]
    named: BindParameter[str] = bindparam("services", expanding=True)
    if table.name != tables.steps.name:
        return column.in_(named)
    rollouts = tables.rollouts.c
    return column.in_(select(rollouts.rollout).where(rollouts.service.in_(named)))


def differing(connection: Connection, most: int) -> list[Differing]:
    """Return the first values of each table that are not what the facts give, at most `most` rows of each."""
    living = _living(connection)
    return [one for shadow in DERIVED for one in _differing(connection, living[shadow.name], shadow, most)]


def _living(connection: Connection) -> Mapping[str, Table]:
    copies, schema = MetaData(), living_schema(connection)
    return {table.name: table.to_metadata(copies, schema=schema) for table in DERIVED}


def _differing(connection: Connection, living: Table, shadow: Table, most: int) -> list[Differing]:
    compared = [column.name for column in shadow.c if column.name not in _OWN]
    keys = [column.name for column in shadow.primary_key.columns]

    def rows(table: Table) -> Select[tuple[Any, ...]]:
        return select(*(table.c[name] for name in compared))

    extra, missing = except_(rows(living), rows(shadow)).subquery(), except_(rows(shadow), rows(living)).subquery()
    either = union(*(select(*(each.c[key] for key in keys)) for each in (extra, missing))).subquery()
    found = connection.execute(select(either).order_by(*either.c).limit(most)).all()
    told = []
    for key in found:
        sides = [
            connection.execute(rows(table).where(*(table.c[name] == value for name, value in key._mapping.items())))
            for table in (living, shadow)
        ]
        is_, by_facts = ([dict(row) for row in side.mappings()] for side in sides)
        told += _told(shadow.name, dict(key._mapping), is_, by_facts)
    return told


def _told(
    table: str, key: Mapping[str, Any], is_: list[dict[str, Any]], by_facts: list[dict[str, Any]]
) -> list[Differing]:
    named = "/".join(str(value) for value in key.values())
    if not (is_ and by_facts):
        return [Differing(table, named, "", "a row" if is_ else None, "a row" if by_facts else None)]
    (living,), (shadow,) = is_, by_facts
    return [
        Differing(table, named, column, _text(living[column]), _text(shadow[column]))
        for column in shadow
        if living[column] != shadow[column]
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
