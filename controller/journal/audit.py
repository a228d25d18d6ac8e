"""Following a stream's hashes from fact to fact, so that nothing is folded that is not what was written."""

from dataclasses import dataclass
from typing import Final, NoReturn

from controller.core.errors import Broken
from controller.journal.facts import Recorded
from controller.wire.codec import GENESIS_HASH, content_hash


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
    content = content_hash(
        one.prev_hash, one.stream, one.position, one.at_ms, one.cause, one.type, one.schema, one.body
    )
    if content != one.hash:
        _tampered(one, f"its content has the hash {content}")
    event = one.fact.event
    # These columns say again, for SQL's sake, what the hashed content says.
    said = (f"{one.stream}/{one.position}", one.at_ms, event.actor, event.reason, event.rollout)
    if said != (one.id, one.occurred_at, one.actor, one.reason, one.rollout):
        _tampered(one, "its columns do not say what its body says")
    return Place(one.position, one.hash)


_WHAT_NEXT: Final = "compare with the topic rollout.journal and restore the database from a backup"


def _tampered(one: Recorded, why: str) -> NoReturn:
    raise Broken(f"fact {one.stream}/{one.position} with hash {one.hash} is not what was written: {why}; {_WHAT_NEXT}")
