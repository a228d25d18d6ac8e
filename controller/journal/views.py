"""What is asked of the store, here or imported here: services, rollouts, facts, dead letters. Reading only."""

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select

from controller.core.draining import Parting, Router
from controller.core.names import UNADDRESSED
from controller.core.state import State
from controller.journal import tables
from controller.journal.facts import Recorded, facts, history, recorded
from controller.journal.letters import DeadLetter, dead_letter, dead_letters
from controller.journal.live import Live, live_at
from controller.journal.monthly import Report, report
from controller.journal.search import START, Place, Search, page, place_of
from controller.journal.store import Store
from controller.wire.codec import state_from, table_from
from controller.wire.strict import canonical

__all__ = [
    "START",
    "DeadLetter",
    "Live",
    "Load",
    "Place",
    "Recorded",
    "Report",
    "Rollout",
    "Running",
    "Search",
    "Service",
    "Step",
    "dead_letter",
    "dead_letters",
    "facts",
    "history",
    "holding",
    "live_at",
    "loads",
    "names",
    "page",
    "parting",
    "place_of",
    "recorded",
    "report",
    "rollout",
    "rollouts",
    "routers",
    "running",
    "service",
    "services",
]


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it stands. position and head_hash: of its last fact; at_ms: that fact's time."""

    service: str
    position: int
    at_ms: int
    head_hash: str
    state: State


@dataclass(frozen=True, slots=True)
class Step:
    """A step that a rollout entered; its hold ends, or ended, at due_at."""

    step: int
    weight_bp: int
    started_at: int
    due_at: int


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout, running or over. status: as the table of rollouts has it."""

    rollout: str
    service: str
    version: str
    digest: str
    from_version: str | None
    plan: str
    status: str
    step: int
    weight_bp: int
    started_at: int
    started_by: str
    started_because: str
    ended_at: int | None
    ended_by: str | None
    ended_because: str | None
    trigger: str | None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A rollout that is not over, whatever it waits for."""

    service: str
    rollout: str
    started_at: int


@dataclass(frozen=True, slots=True)
class Load:
    """A release as a service last had it loaded: when its rollout began, when it was heard, and when it left."""

    service: str
    digest: str
    began_at: int
    ready_at: int
    unloaded_at: int | None


async def service(store: Store, name: str) -> Service | None:
    """Return a service, or None when nothing was ever recorded for it."""
    rows = await store.rows(_SERVICE, {"name": name})
    return _service(rows[0]) if rows else None


async def services(store: Store) -> list[Service]:
    """Return every service, by name."""
    rows = await store.rows(_SERVICES, {})
    return [_service(row) for row in rows if row.service != UNADDRESSED]


async def names(store: Store) -> list[str]:
    """Return the name of every service, in their order."""
    return [row.service for row in await store.rows(_NAMES, {}) if row.service != UNADDRESSED]


async def holding(store: Store) -> list[Service]:
    """Return the services whose rollout stands in a step, paused or not, by name."""
    return [_service(row) for row in await store.rows(_HOLDING, {})]


async def running(store: Store) -> list[Running]:
    """Return the rollouts that are not over, in the order in which they began."""
    return [Running(*row) for row in await store.rows(_RUNNING, {})]


async def loads(store: Store) -> list[Load]:
    """Return the last loading of every release that was ever heard, by when it was asked for."""
    return [Load(*row) for row in await store.rows(_LOADS, {})]


async def parting(store: Store, name: str, ensemble: str) -> Parting | None:
    """Return how an ensemble left a service's tables, None while the newest names it."""
    naming = canonical({"ensemble": ensemble})[1:-1]

    def work(connection: Connection) -> Parting | None:
        last = connection.scalar(_LAST_NAMING, {"name": name, "naming": naming})
        if last is None:
            return Parting(0, 0)
        after = connection.execute(_NEXT_ROUTE, {"name": name, "epoch": last}).first()
        return None if after is None else Parting(after.epoch, after.set_at)

    return await store.read(work)


async def routers(store: Store, name: str) -> list[Router]:
    """Return what each router of a service reported last, by router."""
    return [_router(row) for row in await store.rows(_ROUTERS, {"name": name})]


async def rollout(store: Store, id: str) -> Rollout | None:
    """Return a rollout with the steps it entered, or None when there is none of that name."""
    rows = await store.rows(_ROLLOUT, {"id": id})
    if not rows:
        return None
    steps = await store.rows(_STEPS, {"id": id})
    return replace(Rollout(*rows[0]), steps=tuple(Step(*step) for step in steps))


async def rollouts(store: Store, name: str, limit: int = 100) -> list[Rollout]:
    """Return a service's rollouts without their steps, newest first, at most `limit`."""
    rows = await store.rows(_ROLLOUTS, {"name": name, "limit": limit})
    return [Rollout(*row) for row in rows]


_S: Final = tables.services.c
_R: Final = tables.rollouts.c
_L: Final = tables.releases.c
_SERVICES: Final = select(_S.service, _S.position, _S.at_ms, _S.head_hash, _S.state).order_by(_S.service)
_NAMES: Final = select(_S.service).order_by(_S.service)
_HOLDING: Final = _SERVICES.join(tables.rollouts, _R.rollout == _S.rollout).where(_R.step >= 0)
_SERVICE: Final = _SERVICES.where(_S.service == bindparam("name"))
_LOADS: Final = (
    select(_L.service, _L.digest, func.max(_R.started_at).label("began_at"), _L.ready_at, _L.unloaded_at)
    .join(tables.rollouts, (_R.service == _L.service) & (_R.digest == _L.digest))
    .where(_L.ready_at.is_not(None), _R.started_at <= _L.ready_at)
    .group_by(_L.service, _L.digest, _L.ready_at, _L.unloaded_at)
    .order_by("began_at")
)
_T: Final = tables.routes.c
_OF_SERVICE: Final = _T.service == bindparam("name")
# Not LIKE: names may hold its wildcards, and the two dialects search a text by functions of their own.
_LAST_NAMING: Final = (
    select(_T.epoch)
    .where(_OF_SERVICE, _T.body != func.replace(_T.body, bindparam("naming"), ""))
    .order_by(_T.epoch.desc())
    .limit(1)
)
_NEXT_ROUTE: Final = (
    select(_T.epoch, _T.set_at).where(_OF_SERVICE, _T.epoch > bindparam("epoch")).order_by(_T.epoch).limit(1)
)
_W: Final = tables.routers.c
_APPLIED: Final = tables.routes.alias()
_MISSED: Final = tables.routes.alias()
_ROUTERS: Final = (
    select(_W.router, _W.epoch, _W.speaking, _APPLIED.c.body, _MISSED.c.set_at)
    .outerjoin(_APPLIED, (_APPLIED.c.service == _W.service) & (_APPLIED.c.epoch == _W.epoch))
    .outerjoin(_MISSED, (_MISSED.c.service == _W.service) & (_MISSED.c.epoch == _W.epoch + 1))
    .where(_W.service == bindparam("name"))
    .order_by(_W.router)
)
_EVERY_ROLLOUT: Final = select(*(_R[name] for name in Rollout.__slots__ if name != "steps"))
_ROLLOUT: Final = _EVERY_ROLLOUT.where(_R.rollout == bindparam("id"))
_ROLLOUTS: Final = (
    _EVERY_ROLLOUT.where(_R.service == bindparam("name"))
    .order_by(_R.started_at.desc(), _R.rollout.desc())
    .limit(bindparam("limit"))
)
_RUNNING: Final = (
    select(*(_R[name] for name in Running.__slots__)).where(_R.ended_at.is_(None)).order_by(_R.started_at, _R.service)
)
_STEPS: Final = (
    select(*(tables.steps.c[name] for name in Step.__slots__))
    .where(tables.steps.c.rollout == bindparam("id"))
    .order_by(tables.steps.c.position)
)


def _service(row: Row[*tuple[Any, ...]]) -> Service:
    return Service(row.service, row.position, row.at_ms, row.head_hash, state_from(row.state.encode()))


def _router(row: Row[*tuple[Any, ...]]) -> Router:
    speaking = None if row.speaking is None else tuple(json.loads(row.speaking))
    named = tuple(arm.release.ensemble for arm in table_from(row.body.encode()).arms) if row.body else ()
    return Router(row.router, row.epoch, speaking, named, row.set_at)
