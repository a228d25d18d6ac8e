"""
The same year under another name and on other days: equal facts but for names and times, chained by their own hashes.

A year is moved by whole days, so that what is counted by the minute or the hour stays as it was decided.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from controller.bench.history.life import DAY_MS, YEAR_BEGINS_MS
from controller.bench.history.template import NAME, RECORDED_AFTER_MS, TABLES, Template
from controller.journal.tables import Instant
from controller.wire.codec import GENESIS_HASH, content_hash
from controller.wire.envelope import time_text

Value = Callable[["Copy"], object]
Row = tuple[Any, ...]
AsInstant = Callable[[int], object]
"""Milliseconds to what a store takes for an instant."""


@dataclass(slots=True)
class Copy:
    """One service that lived a template's year. hash: of its last fact that was written."""

    name: str
    form: "Form"
    days: int
    as_instant: AsInstant
    hash: str = GENESIS_HASH

    @property
    def ms(self) -> int:
        """How much later it lived, milliseconds."""
        return self.days * DAY_MS

    def facts(self, day: int) -> Iterator[Row]:
        """Yield the rows of the journal of a day since the year began, in their order; days must be asked in order."""
        at = self.form.at
        for values in self.form.facts.get(day - self.days, ()):
            row: list[Any] = [value(self) if callable(value) else value for value in values]
            row[at["prev_hash"]] = self.hash
            row[at["hash"]] = self.hash = content_hash(*(row[place] for place in self.form.hashed))
            yield tuple(row)

    def messages(self, day: int) -> Iterator[Row]:
        """Yield the rows of the inbox of a day."""
        for values in self.form.messages.get(day - self.days, ()):
            yield tuple(value(self) if callable(value) else value for value in values)

    def others(self, table: str) -> Iterator[Row]:
        """Yield the rows of any other table; the services' after all facts, for it has the last one's hash."""
        for values in self.form.others[table]:
            row = [value(self) if callable(value) else value for value in values]
            if table == "services":
                row[self.form.head] = self.hash
            yield tuple(row)


@dataclass(frozen=True, slots=True)
class Form:
    """
    A template, taken apart once: each value is itself, or what makes it for a copy.

    facts, messages: by the day since the year began. at: where the journal's columns are; hashed: those that a fact's
    hash is taken of. head: where the services' head hash is.
    """

    columns: Mapping[str, tuple[str, ...]]
    facts: Mapping[int, Sequence[Sequence[object]]]
    messages: Mapping[int, Sequence[Sequence[object]]]
    others: Mapping[str, Sequence[Sequence[object]]]
    at: Mapping[str, int] = field(init=False)
    hashed: tuple[int, ...] = field(init=False)
    head: int = field(init=False)

    def __post_init__(self) -> None:
        """Look up the places."""
        at = {name: place for place, name in enumerate(self.columns["journal"])}
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "hashed", tuple(at[name] for name in _HASHED))
        object.__setattr__(self, "head", self.columns["services"].index("head_hash"))


_HASHED: Final = ("prev_hash", "stream", "position", "at_ms", "cause", "type", "schema", "body")


def form(template: Template) -> Form:
    """Take a template apart."""
    made = {table.name: _made(table.name, template) for table in TABLES}
    return Form(
        template.columns,
        _by_day(made["journal"], template, "journal", "at_ms"),
        _by_day(made["inbox"], template, "inbox", "sent_ms"),
        {name: rows for name, rows in made.items() if name not in ("journal", "inbox")},
    )


def _by_day(
    rows: Sequence[Sequence[object]], template: Template, table: str, column: str
) -> Mapping[int, Sequence[Sequence[object]]]:
    place, days = template.columns[table].index(column), defaultdict(list)
    for row, as_it_was in zip(rows, template.rows[table], strict=True):
        days[(as_it_was[place] - YEAR_BEGINS_MS) // DAY_MS].append(row)
    return days


def _made(table: str, template: Template) -> list[list[object]]:
    columns, instants = template.columns[table], _INSTANTS[table]
    made = []
    for row in template.rows[table]:
        values = [
            _instant(value) if name in instants else _number(value) if name.endswith("_ms") else _of(value)
            for name, value in zip(columns, row, strict=True)
        ]
        # The one time that is of writing and not of what happened.
        for name, of in (("recorded_at", "at_ms"), ("decided_at", "sent_ms")):
            if name in columns:
                values[columns.index(name)] = _instant(row[columns.index(of)] + RECORDED_AFTER_MS)
        made.append(values)
    return made


_INSTANTS: Final = {
    table.name: {column.name for column in table.c if isinstance(column.type, Instant)} for table in TABLES
}


def _instant(at_ms: int | None) -> object:
    return None if at_ms is None else lambda copy: copy.as_instant(at_ms + copy.ms)


def _number(at_ms: int) -> Value:
    return lambda copy: at_ms + copy.ms


# Names; milliseconds of some year about then that are no part of a longer number; moments as text.
_VARYING: Final = re.compile(rf"{NAME}|(?<![\d.])1[78]\d{{11}}(?![\d.])|\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z")


def _of(value: object) -> object:
    if isinstance(value, bytes):
        text = _text(value.decode())
        return (lambda copy: text(copy).encode()) if callable(text) else value
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> Any:
    found = _VARYING.findall(value)
    if not found:
        return value
    shape = _VARYING.sub("\0", value).replace("%", "%%").replace("\0", "%s")
    if all(one == NAME for one in found):
        return lambda copy: shape % ((copy.name,) * len(found))
    slots = [_slot(one) for one in found]
    return lambda copy: shape % tuple([slot(copy) for slot in slots])


def _slot(text: str) -> Callable[[Copy], object]:
    if text == NAME:
        return lambda copy: copy.name
    if text.isdigit():
        return _number(int(text))
    at_ms = Instant().process_result_value(text, None)  # type: ignore[arg-type]  # the text says all
    assert at_ms is not None
    return lambda copy: time_text(at_ms + copy.ms)
