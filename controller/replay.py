"""
The journal folded again from its first fact, from SQL or from Kafka alone: equal bytes, or something is wrong.

Both ways check the hash chain as they go: a fact that was changed, lost or slipped in is named, never folded over.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from controller.core.errors import Broken, Malformed, Unavailable
from controller.core.names import UNADDRESSED
from controller.core.state import table
from controller.core.stream import Fact, History, begin, fold
from controller.journal.audit import Place, follow
from controller.journal.facts import recorded
from controller.journal.store import Store
from controller.journal.views import Service, services
from controller.wire.codec import GENESIS_HASH, fact_from_message, state_json, table_json
from controller.wire.topics import Topic, topic_name

_SILENCE_MS = 10_000
_WHAT_NEXT = "the original is the journal in SQL: see `segue db verify`"


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


async def replay_sql(store: Store) -> dict[str, History]:
    """
    Fold every stream of the store's journal; stream to history.

    Raises Broken naming the first fact that is not what was written.
    """
    places: dict[str, Place] = {}
    histories: dict[str, History] = {}
    async for one in recorded(store):
        places[one.stream] = follow(places.get(one.stream, Place()), one)
        histories[one.stream] = fold(histories.get(one.stream) or begin(one.stream), (one.fact,))
    return histories


async def replay_kafka(bootstrap: str, prefix: str = "") -> dict[str, History]:
    """
    Fold every stream of the topic `rollout.journal`, from its start to where it ends now; stream to history.

    The topic holds a fact at least once, so doubles are dropped. Raises Broken when a fact is missing, was changed or
    contradicts another, Unavailable when Kafka does not answer.
    """
    streams: dict[str, _Stream] = {}
    try:
        for value in await _messages(bootstrap, topic_name(Topic.JOURNAL, prefix)):
            fact, prev_hash, hash = fact_from_message(value)
            streams.setdefault(fact.stream, _Stream(begin(fact.stream))).take(fact, prev_hash, hash)
    except Malformed as error:
        raise Broken(f"rollout.journal is damaged: {error}; {_WHAT_NEXT}") from error
    except KafkaError as error:
        raise Unavailable(f"Kafka at {bootstrap} did not give its journal ({error!r}); is it running there?") from error
    for stream in streams.values():
        stream.close()
    return {name: stream.history for name, stream in streams.items()}


async def differing(store: Store, replayed: Mapping[str, History]) -> list[str]:
    """Name the services whose live read tables are not what their replayed facts amount to."""
    live = {one.service: one for one in await services(store)}
    names = sorted(live.keys() | (replayed.keys() - {UNADDRESSED}))
    return [name for name in names if not _same(live.get(name), replayed.get(name))]


def _same(live: Service | None, replayed: History | None) -> bool:
    if live is None or replayed is None:
        return False
    return live.position == replayed.position and state_json(live.state) == state_json(replayed.state)


@dataclass(slots=True)
class _Stream:
    """One stream on its way: `hashes` of what is folded, `early` what came before its turn."""

    history: History
    hashes: list[str] = field(default_factory=lambda: [GENESIS_HASH])
    early: dict[int, tuple[Fact, str, str]] = field(default_factory=dict)

    def take(self, fact: Fact, prev_hash: str, hash: str) -> None:
        if fact.position <= self.history.position:
            if self.hashes[fact.position] != hash:
                raise self._broken(fact.position, "occurs twice, with different contents")
            return
        self.early[fact.position] = (fact, prev_hash, hash)
        while following := self.early.pop(self.history.position + 1, None):
            fact, prev_hash, hash = following
            if prev_hash != self.hashes[-1]:
                raise self._broken(fact.position, "does not follow the fact before it")
            self.history = fold(self.history, (fact,))
            self.hashes.append(hash)

    def close(self) -> None:
        if self.early:
            raise self._broken(self.history.position + 1, f"is missing, and {min(self.early)} is there")

    def _broken(self, position: int, what: str) -> Broken:
        stream = self.history.state.service
        return Broken(f"rollout.journal is damaged: position {position} of {stream} {what}; {_WHAT_NEXT}")


async def _messages(bootstrap: str, topic: str) -> Iterable[bytes]:
    # A reader of a topic that is not there waits for it; so it is looked for first.
    async with _consumer(bootstrap) as looking:
        if topic not in await looking.topics():
            raise Broken(f"Kafka at {bootstrap} has no topic {topic}: create it with `segue topics`")
    async with _consumer(bootstrap, topic) as reading:
        return await _to_the_end(reading, list(reading.assignment()))


@asynccontextmanager
async def _consumer(bootstrap: str, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap.split(","),
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        request_timeout_ms=_SILENCE_MS,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _to_the_end(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> list[bytes]:
    values: list[bytes] = []
    ends = await consumer.end_offsets(partitions)
    while behind := [one for one in partitions if await consumer.position(one) < ends[one]]:
        batch = await consumer.getmany(*behind, timeout_ms=_SILENCE_MS)
        if not batch:
            raise Unavailable(f"Kafka sent nothing for {_SILENCE_MS // 1000} s in the middle of its journal; try again")
        values += [
            record.value
            for one, records in batch.items()
            for record in records
            if record.offset < ends[one] and record.value is not None
        ]
    return values
