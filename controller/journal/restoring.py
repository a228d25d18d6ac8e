"""
A copy of the journal, written into an empty store, and all that follows from it: heads, read tables, timers.

All of it is one transaction, in which nobody decides: what is interrupted leaves the store as empty as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Table, func, insert, select

from controller.core.errors import Broken
from controller.core.state import timers as timers_of
from controller.core.stream import Fact, begin, fold
from controller.journal import heads, outbox, reads, tables
from controller.journal.append import Link
from controller.journal.heads import Head
from controller.journal.timers import row as timer_row
from controller.wire.codec import GENESIS_HASH, Written


@dataclass(frozen=True, slots=True)
class Copied:
    """A fact as a copy of the journal has it. recorded_ms: when it was written down, as far as the copy knows."""

    fact: Fact
    written: Written
    recorded_ms: int


@dataclass(slots=True)
class Restoring:
    """The journal on its way into the store. heads: of the streams so far. before: before what was decided last."""

    heads: dict[str, Head] = field(default_factory=dict)
    before: dict[str, Head] = field(default_factory=dict)
    facts: int = 0
    _decided: dict[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def begin(cls, connection: Connection, name: str) -> "Restoring":
        """Raise Broken when the store holds anything: what is there would not fit what is restored."""
        found = [table.name for table in _EMPTY if connection.scalar(select(func.count()).select_from(table)) != 0]
        if found:
            raise Broken(
                f"{name} is not empty: {', '.join(found)} hold rows; restore into a new database: let "
                "SEGUE_DATABASE_URL name it, and `segue db upgrade` make it"
            )
        if connection.dialect.name == "postgresql":
            # It waits for Kafka as long as that takes, and nobody waits for it.
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        return cls()

    def take(self, connection: Connection, copied: Sequence[Copied]) -> None:
        """Write facts, each in its turn, with the rows that people ask for."""
        links = [self._link(one) for one in copied]
        connection.execute(_APPEND, [_row(link, one) for link, one in zip(links, copied, strict=True)])
        reads.write(connection, links)
        self.facts += len(links)

    def end(self, connection: Connection) -> None:
        """Write what stands at the end: heads and timers; and have every table published again."""
        heads.restore(connection, self.heads.values())
        waiting = [
            timer_row(name, timer) for name, head in self.heads.items() for timer in timers_of(head.history.state)
        ]
        if waiting:
            connection.execute(insert(tables.timers), waiting)
        outbox.put_routing(connection)

    def _head(self, service: str) -> Head:
        return self.heads.get(service) or Head(begin(service), GENESIS_HASH)

    def _link(self, one: Copied) -> Link:
        written, decided = one.written, (one.fact.cause, one.fact.at_ms)
        head = self._head(written.stream)
        if self._decided.get(written.stream) != decided:
            self._decided[written.stream] = decided
            self.before[written.stream] = head
        history = fold(head.history, (one.fact,))
        self.heads[written.stream] = Head(history, written.hash)
        return Link(one.fact, history.state, written.type, written.body, written.prev_hash, written.hash)


_EMPTY: Final[tuple[Table, ...]] = (
    tables.journal,
    tables.inbox,
    tables.outbox,
    tables.services,
    tables.timers,
    tables.checkpoints,
)
_APPEND: Final = insert(tables.journal)


def _row(link: Link, one: Copied) -> dict[str, object]:
    fact, written = link.fact, one.written
    return {
        "stream": written.stream,
        "position": written.position,
        "id": f"{written.stream}/{written.position}",
        "type": written.type,
        "schema": written.schema,
        "at_ms": written.at_ms,
        "occurred_at": written.at_ms,
        "recorded_at": one.recorded_ms,
        "actor": fact.event.actor,
        "reason": fact.event.reason,
        "cause": written.cause,
        "rollout": fact.event.rollout,
        "body": written.body,
        "prev_hash": written.prev_hash,
        "hash": written.hash,
    }
