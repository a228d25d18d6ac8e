"""A stream out of the topic `rollout.journal`: doubles dropped, what came early put in its turn, gaps named."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from controller.core.errors import Broken
from controller.wire.codec import GENESIS_HASH

T = TypeVar("T")

WHAT_NEXT = "the original is the journal in SQL: see `segue db verify`"


@dataclass(slots=True)
class Stream(Generic[T]):
    """
    One service's facts on their way.

    hash: of the fact last followed. known: of each fact so far the first eight bytes of its hash, by which a double is
    told from a contradiction. early: what came before its turn.
    """

    name: str
    hash: str = GENESIS_HASH
    known: "array[int]" = field(default_factory=lambda: array("Q"))
    early: dict[int, tuple[T, str, str]] = field(default_factory=dict)

    def take(self, one: T, position: int, prev_hash: str, hash: str) -> Iterator[T]:
        """Take a fact and yield those whose turn it is now. Raises Broken when it contradicts another."""
        if position < 1:
            raise self._broken(position, "is no place for a fact")
        if position <= len(self.known):
            if self.known[position - 1] != _short(hash):
                raise self._broken(position, "occurs twice, with different contents")
            return
        self.early[position] = (one, prev_hash, hash)
        while following := self.early.pop(len(self.known) + 1, None):
            one, prev_hash, hash = following
            if prev_hash != self.hash:
                raise self._broken(len(self.known) + 1, "does not follow the fact before it")
            self.hash = hash
            self.known.append(_short(hash))
            yield one

    def close(self) -> None:
        """Raise Broken when a fact is missing among those that came."""
        if self.early:
            raise self._broken(len(self.known) + 1, f"is missing, and {min(self.early)} is there")

    def _broken(self, position: int, what: str) -> Broken:
        return Broken(f"rollout.journal is damaged: position {position} of {self.name} {what}; {WHAT_NEXT}")


def _short(hash: str) -> int:
    return int(hash[:16], 16)
