"""One stream as one copy of the journal has it: taken fact by fact, and what is wrong with it noted, not raised."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from controller.wire.codec import GENESIS_HASH, Written

_FARTHEST: Final = 1_000_000
"""A fact so far beyond the one before it is none of ours, and noting all that would lie between takes too much."""


class Copy(StrEnum):
    """A copy of the journal."""

    SQL = "sql"
    KAFKA = "kafka"
    EITHER = "sql or kafka"
    """One of the two; each is sound in itself."""


class Tampering(StrEnum):
    """What was done to a fact."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    MOVED = "moved"
    CUT = "cut off"
    """Facts at the end are missing."""
    UNREADABLE = "unreadable"
    UNTRUSTED = "not trusted"
    """A checkpoint whose signature is nobody's."""
    UNLINKED = "not linked"
    """It does not follow the fact before it: one of the two was changed, and its hash made anew."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact that is not what was written. position: of it, or of the first of several; 0 when it cannot be read."""

    copy: Copy
    tampering: Tampering
    stream: str
    position: int
    told: str


@dataclass(slots=True)
class Chain:
    """
    One stream in one copy. Facts are taken in the order in which the copy has them.

    hashes: the first eight bytes of the hash of each fact, by position; 0 where it is missing. last: the last hash.
    doubles: whether a fact may be there several times, as in a topic that is written at least once.
    signed: hashes that checkpoints vouch for, by position.
    start: facts up to this position are not in the copy, and the last of them is vouched for.
    """

    copy: Copy
    stream: str
    doubles: bool = False
    signed: Mapping[int, str] = field(default_factory=dict)
    hashes: "array[int]" = field(default_factory=lambda: array("Q"))
    last: str = GENESIS_HASH
    findings: list[Finding] = field(default_factory=list)
    start: int = 0

    @property
    def position(self) -> int:
        """The position of the last fact."""
        return len(self.hashes)

    def begin(self, position: int, hash: str) -> bool:
        """Begin after a fact that is no longer in the copy; say whether a checkpoint vouches for exactly that one."""
        if self.position or self.signed.get(position) != hash:
            return False
        self.start, self.last = position, hash
        self.hashes.extend(array("Q", [0]) * (position - 1))
        self.hashes.append(short(hash))
        return True

    def take(self, written: Written) -> bool:
        """Follow the chain to a fact, note what is wrong with it, and say whether its content has its hash."""
        position, before = written.position, len(self.findings)
        if (content := written.content_hash) != written.hash:
            self.note(Tampering.CHANGED, position, f"its content has the hash {content}, and not {written.hash}")
        if not 0 < position <= self.position + _FARTHEST:
            self.note(Tampering.INSERTED, position, f"no fact can have this place: {self.position} came before it")
            return content == written.hash
        if position <= self.position:
            self._again(position, written.hash)
            return content == written.hash
        if position > self.position + 1:
            self._missing(position)
        elif written.prev_hash != self.last and len(self.findings) == before:
            why = f"it follows {written.prev_hash}, and the fact before it has {self.last}"
            self.note(Tampering.UNLINKED, position, why)
        if self.signed.get(position, written.hash) != written.hash:
            self.note(Tampering.CHANGED, position, f"a signed checkpoint says its hash is {self.signed[position]}")
        self.hashes.append(short(written.hash))
        self.last = written.hash
        return content == written.hash

    def note(self, tampering: Tampering, position: int, told: str) -> None:
        """Note what is wrong with the fact at a position."""
        self.findings.append(Finding(self.copy, tampering, self.stream, position, told))

    def end(self) -> None:
        """Note when a checkpoint vouches for a fact beyond the last one."""
        if self.signed and (last := max(self.signed)) > self.position:
            told = f"it ends before it, and a signed checkpoint vouches for fact {last}"
            self.note(Tampering.CUT, self.position + 1, told)

    def _missing(self, position: int) -> None:
        first = self.position + 1
        span = f"{first} is" if position == first + 1 else f"{first} to {position - 1} are"
        self.note(Tampering.REMOVED, first, f"{span} missing, and {position} is there")
        self.hashes.extend([0] * (position - first))

    def _again(self, position: int, hash: str) -> None:
        known = self.hashes[position - 1]
        if known == 0:
            self.note(Tampering.MOVED, position, "it comes after facts that follow it")
            self.hashes[position - 1] = short(hash)
        elif known != short(hash):
            self.note(Tampering.INSERTED, position, f"a second fact, with the hash {hash}, claims its place")
        elif not self.doubles:
            self.note(Tampering.INSERTED, position, "it is there twice")


def short(hash: str) -> int:
    """Return the first eight bytes of a hash, never 0: enough to tell facts apart, and no proof on its own."""
    try:
        return int(hash[:16], 16) or 1
    except ValueError:
        return 1
