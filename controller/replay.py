"""
The journal folded again from its first fact, from SQL or from Kafka alone: equal bytes, or something is wrong.

Both ways check the hash chain as they go: a fact that was changed, lost or slipped in is named, never folded over.
What was measured of a rollout that is over by the end is checked and not folded, for nothing is left of it.
"""

from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from controller.brokers import Kafka
from controller.core.errors import Broken, Malformed
from controller.core.events import WindowMeasured
from controller.core.names import UNADDRESSED
from controller.core.state import table
from controller.core.stream import ENDINGS, History, begin, fold, pass_over
from controller.journal.audit import Place, follow
from controller.journal.endings import last_endings
from controller.journal.facts import Recorded, pages
from controller.journal.partitions import check_whole
from controller.journal.store import Store
from controller.journal.views import Service, services
from controller.outside.published import published
from controller.outside.stream import WHAT_NEXT, Stream
from controller.spread import Told, unheard
from controller.wire.codec import SCHEMA, Written, checked_from_message, message_type, state_json, table_json
from controller.wire.difference import Difference, first_difference
from controller.wire.enveloped import opened
from controller.wire.shape import plain


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What two replays of one service must have in common: SHA-256, in hex, of canonical JSON."""

    position: int
    state_sha256: str
    table_sha256: str


def fingerprint(history: History) -> Fingerprint:
    """Return the fingerprint of a service's history."""
    return Fingerprint(
        history.position,
        sha256(state_json(history.state)).hexdigest(),
        sha256(table_json(table(history.state))).hexdigest(),
    )


@dataclass(frozen=True, slots=True)
class Until:
    """
    How far to fold, everything by default: facts up to this position, and up to this time, milliseconds since 1970.

    A position is one stream's, so it is meant for a replay of one service.
    """

    position: int | None = None
    at_ms: int | None = None

    def takes(self, position: int, at_ms: int) -> bool:
        """Say whether a fact is folded; those after it in its stream are not when it is not."""
        return (self.position is None or position <= self.position) and (self.at_ms is None or at_ms <= self.at_ms)


EVERYTHING: Final = Until()


async def replay_sql(
    store: Store, service: str | None = None, until: Until = EVERYTHING, told: Told = unheard
) -> dict[str, History]:
    """
    Fold every stream of the store's journal, or only one service's; stream to history.

    A page of facts is in memory at a time. told: is told how many were read. Raises Broken naming the first fact that
    is not what was written, and when facts lie in months that were detached.
    """
    await store.read(lambda connection: check_whole(connection, service))
    endings = await last_endings(store, service, until.position, until.at_ms)
    places: dict[str, Place] = {}
    histories: dict[str, History] = {}
    read = 0
    async for page in pages(store, service):
        for one in page:
            name = one.stream
            places[name] = follow(places.get(name, Place()), one)
            if until.takes(one.position, one.at_ms):
                histories[name] = _on(histories.get(name) or begin(name), one, endings.get(name, 0))
        read += len(page)
        told(read)
    return histories


async def replay_kafka(
    kafka: Kafka,
    prefix: str = "",
    service: str | None = None,
    until: Until = EVERYTHING,
    partitions: Collection[int] = (),
    told: Told = unheard,
) -> dict[str, History]:
    """
    Fold every stream of the topic `rollout.journal`, or only one service's, from its start to where it ends now.

    partitions: read only these, when any are named; each stream lies in one. told: is told how many records were read,
    each twice.
    Returns stream to history. Read as it comes, with eight bytes kept of each fact: the topic holds a fact at least
    once, and doubles are dropped. It is read twice, first for where each service's last rollout began or ended. Raises
    Broken when a fact is missing, was changed or contradicts another, Unavailable when Kafka does not answer.
    """
    streams: dict[str, Stream[Written]] = {}
    histories: dict[str, History] = {}
    key = None if service is None else service.encode()
    read = 0
    try:
        read, endings = await _last_endings(kafka, prefix, key, until, partitions, told)
        # Closed here, not some time later: its consumer would outlive this replay when a fact is not what was written.
        async with aclosing(published(kafka, prefix, partitions=partitions)) as records:
            async for record in records:
                read += 1
                if read % _TOLD_EVERY == 0:
                    told(read)
                if key is None or record.key == key:
                    fact = checked_from_message(record.value)
                    name = fact.stream
                    stream = streams.get(name)
                    if stream is None:
                        stream = streams[name] = Stream(name)
                    for one in stream.take(fact, fact.position, fact.prev_hash, fact.hash):
                        if until.takes(one.position, one.at_ms):
                            histories[name] = _on(histories.get(name) or begin(name), one, endings.get(name, 0))
    except Malformed as error:
        raise Broken(f"rollout.journal is damaged: {error}; {WHAT_NEXT}") from error
    for stream in streams.values():
        stream.close()
    told(read)
    return histories


async def _last_endings(
    kafka: Kafka, prefix: str, key: bytes | None, until: Until, partitions: Collection[int], told: Told
) -> tuple[int, dict[str, int]]:
    """
    Return how many records there are, and of each stream the last position at which a rollout began or ended.

    `_on` sees whether that is so.
    """
    found: dict[str, int] = {}
    read = 0
    async with aclosing(published(kafka, prefix, partitions=partitions)) as records:
        async for record in records:
            read += 1
            if read % _TOLD_EVERY == 0:
                told(read)
            if (key is None or record.key == key) and record.value.endswith(_ENDING_MESSAGES):
                place, _ = opened(record.value)
                if until.takes(place.position, place.at_ms):
                    found[place.service] = max(place.position, found.get(place.service, 0))
    return read, found


def _on(history: History, one: Recorded | Written, ending: int) -> History:
    """
    Return the history after one more fact.

    ending: the position of a fact of `ENDINGS` up to which all is folded, 0 when there is none; nothing will be left of
    a window before it, so that one is not even read. Raises Broken when another kind of fact stands there.
    """
    if one.position < ending and one.type == _WINDOW and one.schema == SCHEMA:
        return pass_over(history, one.position, one.at_ms)
    if one.position == ending and one.type not in _ENDING_TYPES:
        raise Broken(f"fact {one.stream}/{ending} was said to begin or end a rollout, and is {one.type}; {WHAT_NEXT}")
    return fold(history, (one.fact,))


_TOLD_EVERY: Final = 1000
_WINDOW: Final = WindowMeasured.__name__
_ENDING_TYPES: Final = frozenset(kind.__name__ for kind in ENDINGS)
# How the message of such a fact ends, its keys being sorted: only few messages need to be opened.
_ENDING_MESSAGES: Final = tuple(f'"type":"{message_type(kind)}"}}'.encode() for kind in ENDINGS)


async def differing(store: Store, replayed: Mapping[str, History], service: str | None = None) -> dict[str, Difference]:
    """Return where the live read tables differ first from what the replayed facts amount to, live side first."""
    live = {one.service: one for one in await services(store) if service in (None, one.service)}
    names = sorted(live.keys() | (replayed.keys() - {UNADDRESSED}))
    found = {name: first_difference(_sight(live.get(name)), _sight(replayed.get(name))) for name in names}
    return {name: difference for name, difference in found.items() if difference}


def _sight(stands: Service | History | None) -> dict[str, object]:
    return {"position": stands.position, "state": plain(stands.state)} if stands else {}
