"""The read tables and the timers made anew from the journal, in one transaction; deciders wait meanwhile."""

from typing import Final

from sqlalchemy import Connection, delete, insert, select, text

from controller.core.state import timers as timers_of
from controller.core.stream import begin, fold
from controller.journal import heads, reads, tables
from controller.journal.append import Link
from controller.journal.facts import Recorded
from controller.journal.heads import Head
from controller.journal.store import Store
from controller.journal.timers import row as timer_row
from controller.wire.codec import GENESIS_HASH

_PAGE: Final = 500


async def rebuild(store: Store) -> int:
    """
    Make all read tables and the timers anew, and return how many facts that took.

    A timer that had fired and is not decided yet fires again, which is harmless: the inbox knows its message.
    """
    return await store.write(make_anew)


def make_anew(connection: Connection) -> int:
    """Do it within a transaction, whoever began it."""
    if connection.dialect.name == "postgresql":
        # Every decider locks its service's row first, and so waits here. SQLite lets only one write anyway.
        connection.execute(text("LOCK TABLE services IN EXCLUSIVE MODE"))
    for table in _DERIVED:
        connection.execute(delete(table))
    last: dict[str, Head] = {}
    facts = 0
    for page in connection.execute(_JOURNAL, execution_options={"yield_per": _PAGE}).partitions():
        links = [_link(Recorded(*row), last) for row in page]
        reads.write(connection, links)
        facts += len(links)
    heads.restore(connection, last.values())
    waiting = [timer_row(name, timer) for name, head in last.items() for timer in timers_of(head.history.state)]
    if waiting:
        connection.execute(insert(tables.timers), waiting)
    return facts


_DERIVED: Final = (
    tables.services,
    tables.rollouts,
    tables.steps,
    tables.routes,
    tables.releases,
    tables.verdicts,
    tables.routers,
    tables.applied,
    tables.timers,
)
_JOURNAL: Final = select(*(tables.journal.c[name] for name in Recorded.__slots__)).order_by(
    tables.journal.c.stream, tables.journal.c.position
)


def _link(one: Recorded, last: dict[str, Head]) -> Link:
    head = last.get(one.stream) or Head(begin(one.stream), GENESIS_HASH)
    history = fold(head.history, (one.fact,))
    last[one.stream] = Head(history, one.hash)
    # The recorded text and hash, not new ones: an old schema's fact is folded in today's words and stays as written.
    return Link(one.fact, history.state, one.type, one.body, one.prev_hash, one.hash)
