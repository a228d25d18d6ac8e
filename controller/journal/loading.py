"""
Which releases services want loaded, and which they have loaded as far as the journal knows.

For who asks again and again: a service is read anew where facts came to it since the last look, and no other.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select

from controller.core.names import UNADDRESSED, Release
from controller.core.needs import Needs
from controller.core.state import Home, State
from controller.core.state import wanted as wanted_by
from controller.journal import tables
from controller.journal.bound import padded
from controller.journal.store import Store
from controller.wire.codec import needs_from

_FEW: Final = 300
"""How many services are asked for by name; of more than that, all are read."""

_FORGET_S: Final = 60.0
"""How long what was read counts: tables that were mended by hand have the positions that they had."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    A release that must be loaded and warm.

    rollout: the one that needs it; "" for an undisputed stable. endpoints: where, as `Arm` has them. ready: it was
    reported as ready before.
    """

    service: str
    rollout: str
    release: Release
    endpoints: tuple[str, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """A release that a service had reported as ready, and not as unloaded since."""

    service: str
    release: Release


@dataclass(frozen=True, slots=True)
class Loading:
    """What is to be loaded, and what is, service by service."""

    wanted: tuple[Wanted, ...]
    loaded: tuple[Loaded, ...]


@dataclass(slots=True)
class _Known:
    """One service, up to a position."""

    position: int
    wanted: tuple[Wanted, ...]
    loaded: list[Loaded]


class Loadings:
    """Looks at all services; one look at a time."""

    def __init__(self, store: Store, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock_s = clock_s
        self._known: Mapping[str, _Known] = {}
        self._forgot_s = clock_s()

    async def look(self) -> Loading:
        """Return what is wanted and what is loaded now; raises Unavailable when the database is away."""
        if (now_s := self._clock_s()) - self._forgot_s >= _FORGET_S:
            self._known, self._forgot_s = {}, now_s
        self._known = await self._store.read(self._look)
        known = self._known.values()
        return Loading(
            tuple(want for one in known for want in one.wanted),
            tuple(each for one in known for each in one.loaded),
        )

    def _look(self, connection: Connection) -> Mapping[str, _Known]:
        positions = {row.service: row.position for row in connection.execute(_POSITIONS)}
        known = {name: one for name in positions if (one := self._known.get(name))}
        moved = [name for name, position in positions.items() if name not in known or known[name].position != position]
        if moved:
            known |= _read(connection, moved if len(moved) <= _FEW else None)
        return {name: known[name] for name in sorted(known)}


def _read(connection: Connection, names: Sequence[str] | None) -> Mapping[str, _Known]:
    """Return services as they stand, all where no names are given."""
    which = {} if names is None else {"names": padded(names)}
    read = {
        row.service: _Known(row.position, _wanted(needs_from(row.state.encode())), [])
        for row in connection.execute(_NEEDS if names is None else _NEEDS_OF, which)
    }
    # After the positions: what has come in between is read again by the next look.
    for row in connection.execute(_LOADED if names is None else _LOADED_OF, which):
        if row.service in read:
            read[row.service].loaded.append(Loaded(row.service, Release(*row[1:])))
    return read


def _wanted(needs: Needs | State) -> tuple[Wanted, ...]:
    return tuple(_want(needs, home) for home in wanted_by(needs))


def _want(needs: Needs | State, home: Home) -> Wanted:
    rollout, guard = needs.rollout, needs.guard
    release, endpoints = home.release, home.endpoints
    if rollout is not None and (rollout.release, rollout.endpoints) == (release, endpoints):
        return Wanted(needs.service, rollout.id, release, endpoints, rollout.ready)
    needed = guard is not None and release in (guard.previous, needs.stable)
    return Wanted(needs.service, guard.rollout if guard and needed else "", release, endpoints, ready=True)


_S: Final = tables.services.c
_L: Final = tables.releases.c
_POSITIONS: Final = select(_S.service, _S.position).where(_S.service != UNADDRESSED)
_NEEDS: Final = select(_S.service, _S.position, _S.state).where(_S.service != UNADDRESSED)
_NEEDS_OF: Final = _NEEDS.where(_S.service.in_(bindparam("names", expanding=True)))
# Columns in the order of the fields that take them.
_LOADED: Final = (
    select(_L.service, *(_L[name] for name in Release.__slots__))
    .where(_L.ready_at.is_not(None), _L.unloaded_at.is_(None) | (_L.unloaded_at < _L.ready_at))
    .order_by(_L.service, _L.ensemble)
)
_LOADED_OF: Final = _LOADED.where(_L.service.in_(bindparam("names", expanding=True)))
