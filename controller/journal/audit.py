"""Following a stream's hashes from fact to fact, so that nothing is folded that is not what was written."""

from dataclasses import dataclass
from typing import Final, NoReturn

from controller.core.errors import Broken, Malformed
from controller.core.events import AnyEvent
from controller.core.stream import Fact
from controller.journal.facts import Recorded
from controller.wire.codec import GENESIS_HASH, Said, content_hash, said


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chain has got to: position and hash of its last fact."""

    position: int = 0
    hash: str = GENESIS_HASH


def follow(place: Place, one: Recorded) -> tuple[Place, Fact]:
    """
    Return the place after this fact, and the fact itself.

    Raises Broken when it is not the one that was written there, Malformed when this version of Segue cannot read it.
    """
    if one.position != place.position + 1:
        _tampered(one, f"position {place.position + 1} is missing")
    if one.prev_hash != place.hash:
        _tampered(one, f"it follows {one.prev_hash}, and the fact before it has {place.hash}")
    content = content_hash(
        one.prev_hash, one.stream, one.position, one.at_ms, one.cause, one.type, one.schema, one.body
    )
    if content != one.hash:
        _tampered(one, f"its content has the hash {content}")
    try:
        fact = one.fact
    except Malformed:
        if wrong := misquoted(one):
            _tampered(one, wrong)
        raise
    # The fact says what its text says, so that text need not be read a second time.
    if wrong := _misquoting(one, fact.event):
        _tampered(one, wrong)
    return Place(one.position, one.hash), fact


def misquoted(one: Recorded) -> str:
    """Say what the columns that SQL is asked by say otherwise than the hashed content; "" when nothing."""
    try:
        return _misquoting(one, said(one.body))
    except Malformed:
        return "its body cannot be read"


def _misquoting(one: Recorded, body: Said | AnyEvent) -> str:
    right = (f"{one.stream}/{one.position}", one.at_ms, body.actor, body.reason, body.rollout)
    wrong = right != (one.id, one.occurred_at, one.actor, one.reason, one.rollout)
    return "its columns do not say what its body says" if wrong else ""


_WHAT_NEXT: Final = "compare with the topic rollout.journal and restore the database from a backup"


def _tampered(one: Recorded, why: str) -> NoReturn:
    raise Broken(f"fact {one.stream}/{one.position} with hash {one.hash} is not what was written: {why}; {_WHAT_NEXT}")
