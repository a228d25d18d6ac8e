"""
Is the journal still what was written? Follows every stream's hashes from its first fact to its head.

A changed, missing, added or moved fact breaks the chain; a cut-off end disagrees with the head. Whoever can rewrite a
whole stream and its head is caught by the copies in the topic `rollout.journal`, which carry the same hashes.
"""

from dataclasses import dataclass
from typing import Final, NoReturn

from sqlalchemy import select

from controller.core.errors import Broken
from controller.journal.facts import Recorded, recorded
from controller.journal.store import Store
from controller.journal.tables import services
from controller.wire.codec import GENESIS_HASH, content_hash


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was found to be as it was written."""

    streams: int
    facts: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chain has got to: position and hash of its last fact."""

    position: int = 0
    hash: str = GENESIS_HASH


async def verify_chain(store: Store) -> Verified:
    """Check every fact of every stream. Raises Broken naming the first that is not what was written."""
    # The heads first: a service may decide on meanwhile, and then its chain only grows beyond the head read here.
    heads = {row.service: Place(row.position, row.head_hash) for row in await store.rows(_HEADS, {})}
    places: dict[str, Place] = {}
    facts = 0
    async for one in recorded(store):
        place = places[one.stream] = follow(places.get(one.stream, Place()), one)
        facts += 1
        head = heads.get(one.stream, place)
        if place.position == head.position and place.hash != head.hash:
            _tampered(one, f"the service's head has the hash {head.hash}")
    for service, head in heads.items():
        end = places.get(service, Place())
        if end.position < head.position:
            raise Broken(f"the journal of {service} ends at {end.position}, its head is {head.position}; {_WHAT_NEXT}")
    return Verified(len(places), facts)


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


_HEADS: Final = select(services.c.service, services.c.position, services.c.head_hash)
_WHAT_NEXT: Final = "compare with the topic rollout.journal and restore the database from a backup"


def _tampered(one: Recorded, why: str) -> NoReturn:
    raise Broken(f"fact {one.stream}/{one.position} with hash {one.hash} is not what was written: {why}; {_WHAT_NEXT}")
