"""
How many utterances a release may work on at once, and how many may wait for it: never a pile.

Every release has places and a queue of its own, so a slow candidate fills its own queue and nobody else's. Requests
that a failing release handed over (guests) get only half of the queue: the other half is kept for the release's own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from controller.core.errors import Unavailable

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Limits:
    """concurrent, waiting: utterances per release. wait_s: how long one may wait."""

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

        Raises Crowded when the queue is full (for a guest: half full), or when wait_s went by.
        """
        door = self._doors.setdefault(key, _Door())
        if door.inside < self._limits.concurrent:
            self._set(key, door, door.inside + 1)
            return
        if len(door.line) >= (self._limits.waiting // 2 if guest else self._limits.waiting):
            raise Crowded(waited=False)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        door.line.append(place)
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await place
        except BaseException as error:
            self._give_up(key, door, place)
            if isinstance(error, TimeoutError):
                raise Crowded(waited=True) from None
            raise

    def leave(self, key: K) -> None:
        """Give the place to whoever waits longest, or free it."""
        door = self._doors[key]
        while door.line:
            place = door.line.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._set(key, door, door.inside - 1)
        if not door.inside:
            del self._doors[key]

    def _set(self, key: K, door: "_Door", inside: int) -> None:
        door.inside = inside
        self._inside(key, inside)

    def _give_up(self, key: K, door: "_Door", place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled():
            # The place came in the very moment in which the wait was given up: it belongs to the next one.
            self.leave(key)
            return
        with suppress(ValueError):
            door.line.remove(place)


@dataclass(slots=True)
class _Door:
    inside: int = 0
    line: deque[asyncio.Future[None]] = field(default_factory=deque)
