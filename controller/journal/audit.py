"""Following a stream's hashes from fact to fact, so that nothing is folded that is not what was written."""

from dataclasses import dataclass
from typing import Final, NoReturn

from controller.core.errors import Broken, Malformed
from controller.journal.facts import Recorded
from controller.wire.codec import GENESIS_HASH, content_hash, said


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chain has got to: position and hash of its last fact."""

    position: int = 0
    hash: str = GENESIS_HASH


def follow(place: Place, one: Recorded) -> Place:
    """Return the place after this fact; raises Broken when it is not the one that was written there."""
    if one.position != place.position + 1:
        _tampered(one, f"position {place.position + 1} is missing")
    if one.prev_hash != place.hash:
        _tampered(one, f"it follows {one.prev_hash}, and the fact before it has {place.hash}")
    chained = one.prev_hash, one.stream, one.position, one.at_ms, one.cause, one.type, one.schema, one.body
    if (content := content_hash(*chained)) != one.hash:
        _tampered(one, f"its content has the hash {content}")
    if wrong := misquoted(one):
        _tampered(one, wrong)
    return Place(one.position, one.hash)


def misquoted(one: Recorded) -> str:
    """Say what the columns that SQL is asked by say otherwise than the hashed content; "" when nothing."""
    try:
        body = said(one.body)
    except Malformed:
        return "its body cannot be read"
    right = (f"{one.stream}/{one.position}", one.at_ms, body.actor, body.reason, body.rollout)
    wrong = right != (one.id, one.occurred_at, one.actor, one.reason, one.rollout)
    return "its columns do not say what its body says" if wrong else ""


_WHAT_NEXT: Final = "compare with the topic rollout.journal and restore the database from a backup"


def _tampered(one: Recorded, why: str) -> NoReturn:
    raise Broken(f"fact {one.stream}/{one.position} with hash {one.hash} is not what was written: {why}; {_WHAT_NEXT}")
