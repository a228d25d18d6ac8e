"""
The read tables and the timers made anew from the journal, beside the living ones, while services go on deciding.

They are made in temporary tables (`shadow`), which nobody else sees and which go with their session, so one that is
interrupted leaves nothing behind. Then both are compared while nobody waits. Deciders wait at the end, for as long as
it takes to look at the services that were wrong or have decided since, and to touch their rows that differ.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, text

from controller.journal.derived import DERIVED, Derived, Look, unseen
from controller.journal.partitions import check_whole
from controller.journal.session import Session, View
from controller.journal.shadow import make_shadow, prepare, swap, wrong_services
from controller.journal.store import Store
from controller.journal.wake import Bell

Progress = Callable[[str, int], None]
"""Is told what is made, and of how many facts so far."""

_ROUNDS: Final = 10
_FEW: Final = 10
"""Services that decided on while a round was made."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """facts: of how many the tables were made. held_s: how long whoever wanted to decide had to wait, in seconds."""

    facts: int
    held_s: float


def unheard(_what: str, _number: int) -> None:
    """Be told of no progress."""


async def rebuild(store: Store, progress: Progress = unheard) -> Rebuilt:
    """
    Make all read tables and the timers anew.

    A timer that had fired and is not decided yet fires again, which is harmless: the inbox knows its message. Raises
    Broken when a fact is missing, lies in a month that was detached, or cannot be read; nothing is changed then.
    """
    async with shadowed(store, progress) as (session, derived):
        async with session.transaction(View.STILL):
            wrong = await session.do(lambda connection: _wrong(connection, derived))
        async with session.transaction():
            await session.do(prepare)
        asked_s = time.monotonic()
        async with session.transaction(View.ALONE):
            await session.do(lambda connection: _swap(connection, derived, wrong))
        held_s = time.monotonic() - asked_s
    store.ring(Bell.TIMERS)
    return Rebuilt(derived.facts, held_s)


@asynccontextmanager
async def shadowed(store: Store, progress: Progress, look: Look = unseen) -> AsyncIterator[tuple[Session, Derived]]:
    """Give a session whose tables are made of all facts but the very last ones, page by page; look: at each fact."""
    # Before the session, which sees its own tables in place of the living ones.
    await store.read(check_whole)
    derived = Derived(look)
    async with store.session() as session:
        async with session.transaction():
            await session.do(make_shadow)
        more = True
        while more:
            async with session.transaction():
                more = await session.do(derived.take_page)
            progress("facts", derived.facts)
        # What was decided meanwhile, until it is so little that it can be taken while others wait.
        for _ in range(_ROUNDS):
            async with session.transaction():
                behind = await session.do(derived.catch_up)
                await session.do(derived.settle)
            progress("facts", derived.facts)
            if len(behind) < _FEW:
                break
        yield session, derived


def _wrong(connection: Connection, derived: Derived) -> set[str]:
    derived.catch_up(connection)
    derived.settle(connection)
    return wrong_services(connection)


def _swap(connection: Connection, derived: Derived, wrong: set[str]) -> None:
    # Whose rows were right a moment ago, and who has not decided since, has none that could be wrong.
    decided = derived.catch_up(connection)
    derived.settle(connection)
    swap(connection, wrong | decided)


def make_anew(connection: Connection) -> int:
    """Make them anew within somebody else's transaction, in which nobody decides; return of how many facts."""
    if connection.dialect.name == "postgresql":
        # Every decider locks its service's row first, and so waits here. SQLite lets only one write anyway.
        connection.execute(text("LOCK TABLE services IN EXCLUSIVE MODE"))
    check_whole(connection)
    for table in DERIVED:
        connection.execute(delete(table))
    derived = Derived()
    while derived.take_page(connection):
        pass
    derived.settle(connection)
    return derived.facts
