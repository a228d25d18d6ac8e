"""
How many utterances a release may work on at once, and how many may wait for it: never a pile.

Every release has places and queues of its own, so a slow candidate fills its own and nobody else's. Requests that a
failing release handed over (guests) wait in a line beside the release's own, and places go to both lines in turn: a
burst of guests refuses none of the release's own requests, and finds room itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from controller.core.errors import Unavailable

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Limits:
    """concurrent: utterances per release. waiting: in each of its two lines. wait_s: how long one may wait."""

    concurrent: int = 16
    waiting: int = 64
    wait_s: float = 10.0


class Crowded(Unavailable):
    """There is no place now. waited: whether the request stood in the queue until its time was up."""

    def __init__(self, waited: bool) -> None:
        super().__init__("the release has more to speak than it can take now; try again shortly")
        self.waited = waited


class Admission(Generic[K]):
    """The places of every release, by any key that names one."""

    def __init__(self, limits: Limits, inside: Callable[[K, int], None]) -> None:
        """inside: told (key, utterances at work) at every change."""
        self._limits = limits
        self._inside = inside
        self._doors: dict[K, _Door] = {}

    async def enter(self, key: K, *, guest: bool = False) -> None:
        """
        Take a place, waiting for one if need be; whoever entered must `leave`.

        Raises Crowded when the line is full, or when wait_s went by.
        """
        if self.take(key):
            return
        turn = self.line_up(key, guest=guest)
        if turn is None:
            raise Crowded(waited=False)
        await self.wait(key, turn)

    def line_up(self, key: K, *, guest: bool = False) -> "Turn | None":
        """
        Stand in the line of a release without a free place; None when the line is full.

        Whoever stands there must `wait`, or `give_up`.
        """
        door = self._doors[key]
        line = door.guests if guest else door.own
        if len(line) >= self._limits.waiting:
            return None
        turn = Turn(asyncio.get_running_loop().create_future(), line)
        line.append(turn.came)
        return turn

    async def wait(self, key: K, turn: "Turn") -> None:
        """Wait for one's turn: it is a place taken. Raises Crowded when wait_s went by, and is given up then."""
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await turn.came
        except BaseException as error:
            self.give_up(key, turn)
            if isinstance(error, TimeoutError):
                raise Crowded(waited=True) from None
            raise

    def take(self, key: K) -> bool:
        """Take a place if one is free just now, and say whether one was; whoever took it must `leave`."""
        door = self._doors.setdefault(key, _Door())
        if door.inside >= self._limits.concurrent:
            return False
        self._set(key, door, door.inside + 1)
        return True

    def free(self, key: K) -> int:
        """Return how many places are free just now; nobody waits while one is."""
        door = self._doors.get(key)
        return self._limits.concurrent - (door.inside if door else 0)

    def has_room(self, key: K, *, guest: bool = False) -> bool:
        """Say whether somebody would find a place, or one to wait in their line."""
        door = self._doors.get(key)
        if door is None or door.inside < self._limits.concurrent:
            return True
        return len(door.guests if guest else door.own) < self._limits.waiting

    def leave(self, key: K) -> None:
        """Give the place to whoever waits longest, of both lines in turn, or free it."""
        door = self._doors[key]
        while line := door.next_line():
            place = line.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._set(key, door, door.inside - 1)
        if not door.inside:
            del self._doors[key]

    def give_up(self, key: K, turn: "Turn") -> None:
        """Leave the line, once."""
        if turn.came.done() and not turn.came.cancelled():
            # The place came in the very moment in which the wait was given up: it belongs to the next one.
            self.leave(key)
            return
        with suppress(ValueError):
            turn.line.remove(turn.came)

    def _set(self, key: K, door: "_Door", inside: int) -> None:
        door.inside = inside
        self._inside(key, inside)


_Line = deque[asyncio.Future[None]]


class Turn(NamedTuple):
    """Somebody's in a line. came: done once they have a place."""

    came: asyncio.Future[None]
    line: _Line


@dataclass(slots=True)
class _Door:
    inside: int = 0
    own: _Line = field(default_factory=deque)
    guests: _Line = field(default_factory=deque)
    _guests_turn: bool = False

    def next_line(self) -> _Line:
        """Return the line whose turn it is, or the other one when nobody waits in it; empty when nobody waits."""
        first, second = (self.guests, self.own) if self._guests_turn else (self.own, self.guests)
        line = first or second
        self._guests_turn = line is self.own
        return line
