"""What a scene is made from and found by: rollouts that were taken back, what stands around them, and whose is kept."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, exists, func, select

from controller.core.events import SceneKept
from controller.journal import tables
from controller.journal.store import Store
from controller.journal.tables import no_window


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A rollout that was taken back, before or after its promotion; times in milliseconds since 1970."""

    service: str
    rollout: str
    started_at: int
    ended_at: int


async def unkept(store: Store, since_ms: int, until_ms: int) -> list[TakenBack]:
    """Return what was taken back between two times and has no scene that the journal knows of, the oldest first."""
    rows = await store.rows(UNKEPT, {"since": since_ms, "until": until_ms})
    return [TakenBack(*row) for row in rows]


async def first_position(store: Store, rollout: str) -> int | None:
    """Return the position of a rollout's first fact in its service's stream, None when the journal has none of it."""
    ((position,),) = await store.rows(_FIRST, {"rollout": rollout})
    return None if position is None else int(position)


async def tables_around(store: Store, service: str, position: int, cause: str) -> tuple[str | None, str | None]:
    """
    Return the routing tables, as routers got them, before and after what was decided at a position.

    cause: the message of that decision. None: there was no table yet. The second is the first where the decision
    changed none.
    """
    before = await store.rows(_BEFORE, {"service": service, "position": position})
    after = await store.rows(_AFTER, {"service": service, "position": position, "cause": cause})
    first = before[0].body if before else None
    return first, after[0].body if after else first


_R: Final = tables.rollouts.c
_J: Final = tables.journal.c
_T: Final = tables.routes.c
# Said besides the type, for the index that knows no windows is entered by it; and since when, for a scene is kept after
# its rollout has ended, so only the partitions since then are looked into.
_KEPT: Final = exists().where(
    _J.rollout == _R.rollout,
    _J.type == SceneKept.__name__,
    no_window,
    _J.occurred_at >= bindparam("since", type_=_J.occurred_at.type),
)
UNKEPT: Final = (
    # Columns in the order of the fields that take them.
    select(_R.service, _R.rollout, _R.started_at, _R.ended_at)
    .where(
        _R.status.in_(("aborted", "reverted")),
        _R.ended_at >= bindparam("since", type_=_R.ended_at.type),
        _R.ended_at <= bindparam("until", type_=_R.ended_at.type),
        ~_KEPT,
    )
    .order_by(_R.ended_at, _R.rollout)
)
"""What `unkept` asks, with `since` and `until`."""
_FIRST: Final = select(func.min(_J.position)).where(_J.rollout == bindparam("rollout", type_=_J.rollout.type))
_BEFORE: Final = (
    select(_T.body)
    .where(_T.service == bindparam("service"), _T.position < bindparam("position"))
    .order_by(_T.position.desc())
    .limit(1)
)
_AFTER: Final = (
    select(_T.body)
    .join(tables.journal, (_J.stream == _T.service) & (_J.position == _T.position))
    .where(_T.service == bindparam("service"), _T.position > bindparam("position"), _J.cause == bindparam("cause"))
    .order_by(_T.position)
    .limit(1)
)
