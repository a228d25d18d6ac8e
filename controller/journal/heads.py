"""
The head of each stream: its folded history and the hash of its last fact, one row a service.

Who decides for a service holds its row's lock from before reading until the commit, so that deciders of one service
take turns and what they put into the outbox stands in the order of their decisions. UNIQUE(stream, position) stays the
true fence, and on PostgreSQL, where each month has its own, the trigger `journal_fence` with it: without any lock, the
second writer of a position would still fail.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from controller.core.errors import Broken, Malformed
from controller.core.routing import Role
from controller.core.state import State, table
from controller.core.stream import History, begin
from controller.journal.bulk import Bulk, Listed, Values
from controller.journal.tables import services
from controller.wire.codec import GENESIS_HASH, state_from, state_json


@dataclass(frozen=True, slots=True)
class Head:
    """A stream's history so far, and the hash of its last fact."""

    history: History
    hash: str


@dataclass(frozen=True, slots=True)
class _Known:
    """text: the JSON of the state. ours: it was written here, so writing the state again would give just that."""

    text: str
    state: State
    ours: bool


class Folded:
    """
    States this process has folded already, so that it need neither read nor write their JSON again.

    Each is known by its text, not by the hash of its last fact: that would go on for ever with what stood in the row
    while it was wrong, when the row is long made anew.
    """

    _MOST: Final = 1024

    def __init__(self) -> None:
        self._states: OrderedDict[str, _Known] = OrderedDict()

    def remember(self, state: State, text: str, *, ours: bool) -> None:
        """Keep a service's state and its JSON; the one unused longest goes when there are too many."""
        self._states[state.service] = _Known(text, state, ours)
        self._states.move_to_end(state.service)
        if len(self._states) > self._MOST:
            self._states.popitem(last=False)

    def state(self, service: str, text: str) -> State | None:
        """Return a service's state with this JSON, if it is still known."""
        known = self._states.get(service)
        if known is None or known.text != text:
            return None
        self._states.move_to_end(service)
        return known.state

    def wrote(self, state: State) -> bool:
        """Say whether a state that was locked here was written here as well: an older version's may lack fields."""
        known = self._states.get(state.service)
        return known is not None and known.ours and known.state is state

    def told(self, state: State) -> Values:
        """Return what a row is to say of a state, and keep it."""
        told = _told(state)
        self.remember(state, str(told["state"]), ours=True)
        return told


def lock(connection: Connection, names: AbstractSet[str], folded: Folded) -> dict[str, Head]:
    """Take the turn to decide for these services, waiting for other deciders, and return their heads."""
    if not names:
        return {}
    # In the order of names, as everybody does: deciders of several services wait for one another in no circle.
    wanted = sorted(names)
    heads = _locked(connection, wanted, folded)
    missing = [name for name in wanted if name not in heads]
    if missing:
        # A row to lock. Two first deciders: the second waits here for the first, conflicts, and decides anew.
        connection.execute(
            insert(services), [_row(head, _told(head.history.state)) for head in map(_none_yet, missing)]
        )
        heads |= {name: _none_yet(name) for name in missing}
    return heads


def save(connection: Connection, before: Mapping[str, Head], after: Mapping[str, Head], folded: Folded) -> None:
    """Write the heads that moved; a service that still has no fact leaves no row."""
    moved, changed = list[Values](), list[Values]()
    for name, head in after.items():
        state = head.history.state
        if head.hash == before[name].hash:
            continue
        # Many facts, such as a note of an alert about another release, leave the state as it is. The row has its text,
        # as it was seen to have under its lock, and the store need not take it in again.
        if state is before[name].history.state and folded.wrote(state):
            moved.append({"name": name, **_place(head)})
        else:
            changed.append({"name": name, **_place(head), **folded.told(state)})
    if moved:
        _MOVE.run(connection, moved)
    if changed:
        _CHANGE.run(connection, changed)
    empty = [{"name": name} for name, head in after.items() if head.history.position == 0]
    if empty:
        _FORGET.run(connection, empty)


def restore(connection: Connection, heads: Iterable[Head]) -> None:
    """Write heads of services that have no row."""
    if rows := [_row(head, _told(head.history.state)) for head in heads]:
        connection.execute(insert(services), rows)


def _state(service: str, text: str, folded: Folded) -> State:
    state = folded.state(service, text)
    if state is None:
        try:
            state = state_from(text.encode())
        except Malformed as error:
            why = f"the table services cannot be read for {service}: {error}"
            raise Broken(f"{why}; run `segue rebuild` to make it anew from the journal") from error
        folded.remember(state, text, ours=False)
    return state


_HEADS: Final = select(
    services.c.service, services.c.position, services.c.at_ms, services.c.head_hash, services.c.state
).order_by(services.c.service)


def _named(number: int) -> Select[Any]:
    name = services.c.service
    return _HEADS.where(name.in_([bindparam(f"name_{place}", type_=name.type) for place in range(number)]))


_LOCK: Final = Listed(lambda number: _named(number).with_for_update())
_ROW: Final = update(services).where(services.c.service == bindparam("name"))
_MOVE: Final = Bulk(_ROW)
_CHANGE: Final = Bulk(_ROW)
_FORGET: Final = Bulk(delete(services).where(services.c.service == bindparam("name")))


def _locked(connection: Connection, names: Sequence[str], folded: Folded) -> dict[str, Head]:
    rows = _LOCK.run(connection, [(name,) for name in names])
    # Position 0 cannot be seen here: who made such a row has filled it or taken it back before its commit.
    return {
        service: Head(History(_state(service, text, folded), position, at_ms), hash)
        for service, position, at_ms, hash, text in rows
    }


def _none_yet(name: str) -> Head:
    return Head(begin(name), GENESIS_HASH)


def _row(head: Head, told: Values) -> Values:
    return {"service": head.history.state.service, **_place(head), **told}


def _place(head: Head) -> Values:
    return {"position": head.history.position, "at_ms": head.history.at_ms, "head_hash": head.hash}


def _told(state: State) -> Values:
    routes = table(state)
    stable, candidate = routes.arm(Role.STABLE), routes.arm(Role.CANDIDATE)
    return {
        "epoch": state.epoch,
        "stable": stable.release.version if stable else None,
        "candidate": candidate.release.version if candidate else None,
        "candidate_bp": candidate.weight_bp if candidate else 0,
        "rollout": state.rollout.id if state.rollout else None,
        "state": state_json(state).decode(),
    }
