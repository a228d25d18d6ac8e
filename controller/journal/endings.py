"""Where each stream's last rollout began or ended: nothing that was measured before is in the state from there on."""

from typing import Final

from sqlalchemy import bindparam, func, select

from controller.core.stream import ENDINGS
from controller.journal.store import Store
from controller.journal.tables import journal, no_window


async def last_endings(
    store: Store, stream: str | None = None, until: int | None = None, at_ms: int | None = None
) -> dict[str, int]:
    """
    Return stream to the position of its last fact of `ENDINGS`, of one stream or of all; without any it is left out.

    until: no position after it counts. at_ms: nor a fact that was decided later, milliseconds since 1970.
    """
    statement = _ENDINGS
    # What is not asked for is left out, not made infinite: without the time all stands in the index.
    if stream is not None:
        statement = statement.where(_J.stream == bindparam("stream", type_=_J.stream.type))
    if until is not None:
        statement = statement.where(_J.position <= bindparam("until", type_=_J.position.type))
    if at_ms is not None:
        statement = statement.where(_J.at_ms <= bindparam("at_ms", type_=_J.at_ms.type))
    rows = await store.rows(statement, {"stream": stream, "until": until, "at_ms": at_ms})
    return {row.stream: row.position for row in rows}


_J: Final = journal.c
_ENDINGS: Final = (
    select(_J.stream, func.max(_J.position).label("position"))
    .where(no_window, _J.type.in_([kind.__name__ for kind in ENDINGS]))
    .group_by(_J.stream)
)
