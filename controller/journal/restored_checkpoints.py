"""Checkpoints on their way from Kafka into an empty store: each as it was first said, and held against the facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from controller.core.errors import Broken
from controller.journal import tables
from controller.journal.bound import padded
from controller.journal.checkpoints import kept_at, row
from controller.journal.partitions import Last
from controller.wire.checkpoint import Checkpoint


@dataclass(slots=True)
class RestoredCheckpoints:
    """
    How many there are. contradicting: those that say otherwise than one before them of the same key, and are left out.
    """

    contradicting: int = 0

    def take(self, connection: Connection, signed: Sequence[Checkpoint], *, believed: bool) -> None:
        """
        Write checkpoints; all facts must be there.

        believed: somebody trusted signed them. Raises Broken then when a fact is missing or not what was signed.
        """
        if not signed:
            return
        if believed:
            _hold_against_facts(connection, signed)
        connection.execute(_FIRST, [row(one) for one in signed])
        kept = set(kept_at(connection, [Last(one.service, one.position, one.hash) for one in signed]))
        self.contradicting += sum(one not in kept for one in signed)

    def number(self, connection: Connection) -> int:
        """Return how many were written."""
        return connection.scalar(select(func.count()).select_from(tables.checkpoints)) or 0


def _hold_against_facts(connection: Connection, signed: Sequence[Checkpoint]) -> None:
    places = padded([(one.service, one.position) for one in signed])
    holds = {(fact.stream, fact.position): fact.hash for fact in connection.execute(_HASHES, {"places": places})}
    for one in signed:
        hash = holds.get((one.service, one.position))
        if hash != one.hash:
            why = "Kafka has no such fact" if hash is None else f"another fact stands there, with the hash {hash}"
            raise Broken(
                f"fact {one.position} of {one.service} was signed with the hash {one.hash} by the trusted key "
                f"{one.key}, and {why}: this Kafka lost or changed what was decided. Restore from one that has it, or "
                "from a backup of the database; without SEGUE_TRUSTED_KEYS and SEGUE_SIGNING_KEY it is taken as it is"
            )


# Also of those that claim another's number. SQLite says it with the same words as PostgreSQL.
_FIRST: Final = insert(tables.checkpoints).on_conflict_do_nothing()
_J: Final = tables.journal.c
_HASHES: Final = select(_J.stream, _J.position, _J.hash).where(
    tuple_(_J.stream, _J.position).in_(bindparam("places", expanding=True))
)
