"""What a service served at a moment: its routing table, by whose word it stood, and which rollout was on its way."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from controller.core.routing import Role, RoutingTable
from controller.journal.store import Store
from controller.journal.tables import journal, rollouts, routes, steps
from controller.wire.codec import table_from
from controller.wire.envelope import time_text
from controller.wire.shape import plain


@dataclass(frozen=True, slots=True)
class Asked:
    """A rollout as it was asked for: which release, by which plan, by whom, why and when."""

    rollout: str
    version: str
    plan: str
    started_at: int
    started_by: str
    started_because: str


@dataclass(frozen=True, slots=True)
class Entered:
    """The step that a candidate stood in, 0-based, since when."""

    step: int
    weight_bp: int
    started_at: int


@dataclass(frozen=True, slots=True)
class Live:
    """
    What was live; times in milliseconds since 1970 UTC.

    table: as routers got it. since_ms, position, actor, reason, cause: of the fact that set it. until_ms: when the next
    one did, None while it is the last. rollout: whose candidate the table has, else by which it was set, if by any.
    step: where that candidate stood, None without one. preparing: a rollout that had not come into the table yet.
    """

    service: str
    at_ms: int
    table: RoutingTable
    since_ms: int
    until_ms: int | None
    position: int
    actor: str
    reason: str
    cause: str
    rollout: Asked | None
    step: Entered | None
    preparing: Asked | None

    @property
    def fact(self) -> str:
        """The id of the fact that set the table, such as hibari/12."""
        return f"{self.service}/{self.position}"

    def told(self) -> dict[str, object]:
        """Return it as JSON values, times as text."""
        return {
            "service": self.service,
            "at": time_text(self.at_ms),
            "table": plain(self.table),
            "since": time_text(self.since_ms),
            "until": None if self.until_ms is None else time_text(self.until_ms),
            "fact": self.fact,
            "actor": self.actor,
            "reason": self.reason,
            "cause": self.cause,
            "rollout": _asked_json(self.rollout),
            "step": _step_json(self.step),
            "preparing": _asked_json(self.preparing),
        }


async def live_at(store: Store, service: str, at_ms: int) -> Live | None:
    """Return what a service served at a time, or None when it had no routing table yet."""
    return await store.read(lambda connection: _live(connection, service, at_ms))


def _live(connection: Connection, service: str, at_ms: int) -> Live | None:
    # Before 1970 there was nothing, and SQLite's times are texts that order only from then on.
    moment = {"service": service, "at": max(at_ms, -1)}
    route = connection.execute(_ROUTE, moment).one_or_none()
    if route is None:
        return None
    next_set_at = connection.execute(_NEXT, {"service": service, "epoch": route.epoch}).scalar_one_or_none()
    latest = connection.execute(_LATEST, moment).one_or_none()
    table = table_from(route.body.encode())
    stable, has_candidate = table.arm(Role.STABLE), table.arm(Role.CANDIDATE) is not None
    # A rollout that begins ends the one before it, so whoever is the candidate belongs to the latest.
    rollout, step = latest, None
    if has_candidate and latest is not None:
        step = connection.execute(_ENTERED, {**moment, "rollout": latest.rollout}).one_or_none()
    else:
        rollout = connection.execute(_ASKED, {"rollout": route.rollout}).one_or_none()
    # One that was promoted and then reverted ended, by its row, with the latter; so stable is asked as well.
    over = latest is None or (latest.ended_at is not None and latest.ended_at <= at_ms)
    serves = stable is not None and latest is not None and latest.digest == stable.release.digest
    return Live(
        service=service,
        at_ms=at_ms,
        table=table,
        since_ms=route.set_at,
        until_ms=next_set_at,
        position=route.position,
        actor=route.set_by,
        reason=route.set_because,
        cause=route.cause,
        rollout=_asked(rollout),
        step=Entered(*step) if step else None,
        preparing=None if over or serves or has_candidate else _asked(latest),
    )


def _asked(row: Row[*tuple[Any, ...]] | None) -> Asked | None:
    return None if row is None else Asked(*row[: len(Asked.__slots__)])


def _asked_json(asked: Asked | None) -> dict[str, object] | None:
    if asked is None:
        return None
    return {
        "rollout": asked.rollout,
        "version": asked.version,
        "plan": asked.plan,
        "at": time_text(asked.started_at),
        "actor": asked.started_by,
        "reason": asked.started_because,
    }


def _step_json(entered: Entered | None) -> dict[str, object] | None:
    if entered is None:
        return None
    return {"step": entered.step, "weight_bp": entered.weight_bp, "since": time_text(entered.started_at)}


_T: Final = routes.c
_R: Final = rollouts.c
_S: Final = steps.c
_OF_SERVICE: Final = _T.service == bindparam("service", type_=_T.service.type)
_ROUTE: Final = (
    select(_T.epoch, _T.position, _T.set_at, _T.set_by, _T.set_because, _T.rollout, _T.body, journal.c.cause)
    .join(journal, (journal.c.stream == _T.service) & (journal.c.position == _T.position))
    .where(_OF_SERVICE, _T.set_at <= bindparam("at", type_=_T.set_at.type))
    .order_by(_T.epoch.desc())
    .limit(1)
)
_NEXT: Final = (
    select(_T.set_at).where(_OF_SERVICE, _T.epoch > bindparam("epoch", type_=_T.epoch.type)).order_by(_T.epoch).limit(1)
)
# Columns in the order of the fields that take them.
_EVERY: Final = select(*(_R[name] for name in Asked.__slots__), _R.digest, _R.ended_at)
_ASKED: Final = _EVERY.where(_R.rollout == bindparam("rollout", type_=_R.rollout.type))
_LATEST: Final = (
    _EVERY.where(
        _R.service == bindparam("service", type_=_R.service.type),
        _R.started_at <= bindparam("at", type_=_R.started_at.type),
    )
    # Of two that began in the same millisecond the first made way in it.
    .order_by(_R.started_at.desc(), _R.ended_at.is_(None).desc(), _R.ended_at.desc())
    .limit(1)
)
_ENTERED: Final = (
    select(*(_S[name] for name in Entered.__slots__))
    .where(
        _S.rollout == bindparam("rollout", type_=_S.rollout.type),
        _S.started_at <= bindparam("at", type_=_S.started_at.type),
    )
    .order_by(_S.position.desc())
    .limit(1)
)
