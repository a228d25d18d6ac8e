"""What a message led to: the other way round from `origins`."""

from typing import Final

from sqlalchemy import bindparam, select

from controller.core.stream import Fact
from controller.journal.facts import history
from controller.journal.store import Store
from controller.journal.tables import inbox


async def consequences(store: Store, source: str, id: str) -> tuple[Fact, ...] | None:
    """Return the facts that a message led to, in order; () when it changed nothing, None when it is not decided."""
    for message in await store.rows(_MESSAGE, {"source": source, "id": id}):
        if not message.facts:
            return ()
        return tuple(one.fact for one in await history(store, message.service, message.position, message.facts))
    return None


_I: Final = inbox.c
_MESSAGE: Final = select(_I.service, _I.position, _I.facts).where(
    _I.source == bindparam("source"), _I.id == bindparam("id")
)
