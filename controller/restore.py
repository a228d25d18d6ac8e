"""
An empty store filled from Kafka alone: the journal, all that follows from it, checkpoints, and the inbox.

Facts are checked against their hashes as they come, and are written as they were published. What an input topic still
has is what the inbox can remember word for word; of older messages it knows the names, from the facts. At the end the
deciding functions are set to the first message of each partition that was not decided.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection

from controller.brokers import Kafka
from controller.core.errors import Broken, Malformed
from controller.core.stream import Fact
from controller.journal.restored_checkpoints import RestoredCheckpoints
from controller.journal.restored_inbox import Partition, RestoredInbox
from controller.journal.restored_whole import make_whole
from controller.journal.restoring import Copied, Restoring
from controller.journal.session import Session, View
from controller.journal.store import Store
from controller.outside.groups import acknowledged, members, set_next
from controller.outside.published import Published, published, received
from controller.outside.signing import Trusted, distrusted
from controller.outside.stream import Stream
from controller.wire.checkpoint import Checkpoint, checkpoint_from_message
from controller.wire.codec import Written, recorded_from_message, table_from
from controller.wire.inbound import Received
from controller.wire.topics import DECIDED_BY, INBOUND, Topic, group_name, topic_name

MOST_NAMED: Final = 100
"""Records that are named one by one; a topic may be full of what somebody else put there, and names take memory."""

_PAGE: Final = 500
T = TypeVar("T")

Progress = Callable[[str, int], None]
"""Is told what is read, and how much of it so far."""


@dataclass(frozen=True, slots=True)
class Restored:
    """
    What was restored.

    messages: in the inbox as they came. causes: messages that Kafka has no more, known by their names alone.
    presumed: of the messages, those that count as decided only because they are older than a fact of their service.
    undecided: messages in Kafka that are to be decided, or decided anew.
    completed: facts of last decisions that were not published yet. otherwise: services whose last published facts are
    not what their message leads to, so that more may be missing. untold: services of which nobody can tell, for Kafka
    has no more the last message that led to facts.
    contradicting: checkpoints that say otherwise than earlier ones of their key. distrusted: those that no trusted key
    signed. unreadable: the first MOST_NAMED records among the checkpoints that are none, each by its place in Kafka and
    why; passed_over: how many there are in all. None of these are restored.
    ahead: services whose table in Kafka, which gateways have, is of a later epoch than what was restored.
    """

    services: int
    facts: int
    checkpoints: int
    messages: int
    causes: int
    presumed: int
    undecided: int
    completed: int = 0
    otherwise: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    contradicting: int = 0
    distrusted: int = 0
    ahead: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    passed_over: int = 0


async def restore(
    store: Store, kafka: Kafka, prefix: str, progress: Progress, trusted: Trusted | None = None
) -> Restored:
    """
    Fill an empty store, in one transaction.

    trusted: keys whose checkpoints the facts must agree with, others being left out; None takes any as they are.
    Raises Broken when the store is not empty, a function that decides is running, or a fact in Kafka is missing, not
    what was written, or not what a trusted key signed; Unavailable when either is away. Nothing is kept then.
    """
    groups = {topic: group_name(DECIDED_BY[topic], prefix) for topic in INBOUND}
    in_groups = await asyncio.to_thread(members, kafka, list(groups.values()))
    running = [group for group, number in in_groups.items() if number]
    if running:
        raise Broken(f"{', '.join(running)} still decide: stop every process that does, then restore")
    async with store.session() as session, session.transaction(View.ALONE):
        journal = await session.do(lambda connection: Restoring.begin(connection, store.name))
        inbox = await session.do(RestoredInbox.begin)
        await _copy_facts(session, journal, inbox, published(kafka, prefix), progress)
        for topic in INBOUND:
            await _copy_messages(session, inbox, topic, received(kafka, prefix, topic), progress)
        whole = await session.do(lambda connection: make_whole(connection, journal, inbox))
        signed = RestoredCheckpoints()
        words = published(kafka, prefix, Topic.CHECKPOINTS)
        left_out, unreadable = await _copy_checkpoints(session, signed, words, progress, trusted)
        checkpoints = await session.do(signed.number)
        ahead = await _ahead(journal, published(kafka, prefix, Topic.TABLE))
        await session.do(journal.end)
        known: dict[Partition, int] = {}
        for topic, group in groups.items():
            offsets = await asyncio.to_thread(acknowledged, kafka, group, topic_name(topic, prefix))
            known |= {(topic, partition): offset for partition, offset in offsets.items()}
        remembered = await session.do(lambda connection: inbox.end(connection, known))
        # Before the commit: what fails here leaves the store empty, and can be done again. After it, whoever dies in
        # between would leave messages that nobody reads again.
        for topic, group in groups.items():
            offsets = {at: offset for (of, at), offset in remembered.first.items() if of is topic}
            before = {at: offset for (of, at), offset in known.items() if of is topic}
            await asyncio.to_thread(set_next, kafka, group, topic_name(topic, prefix), offsets, before)
    return Restored(
        len(journal.heads),
        journal.facts,
        checkpoints,
        remembered.messages,
        remembered.causes,
        remembered.presumed,
        remembered.undecided,
        whole.completed,
        whole.otherwise,
        whole.untold,
        signed.contradicting,
        left_out,
        ahead,
        tuple(unreadable.named),
        unreadable.records,
    )


async def _copy_facts(
    session: Session,
    journal: Restoring,
    inbox: RestoredInbox,
    records: AsyncGenerator[Published, None],
    progress: Progress,
) -> None:
    streams: dict[str, Stream[tuple[Fact, Written, int]]] = {}
    decided: dict[str, Copied] = {}

    async def in_turn() -> AsyncIterator[Copied]:
        async with aclosing(records):
            async for record in records:
                fact, written = recorded_from_message(record.value)
                name = written.stream
                stream = streams.get(name)
                if stream is None:
                    stream = streams[name] = Stream(name)
                one = fact, written, record.timestamp_ms
                for each in stream.take(one, written.position, written.prev_hash, written.hash):
                    decided[name] = _copied(each, decided.get(name))
                    yield decided[name]

    try:
        async for page in _pages(in_turn()):

            def take(connection: Connection, page: list[Copied] = page) -> None:
                journal.take(connection, page)
                inbox.take_facts(connection, page)

            await session.do(take)
            progress("facts", journal.facts)
    except Malformed as error:
        raise Broken(f"rollout.journal is damaged, and cannot be restored from: {error}; see `segue verify`") from error
    for stream in streams.values():
        stream.close()


def _copied(one: tuple[Fact, Written, int], before: Copied | None) -> Copied:
    fact, written, published_ms = one
    # Facts of one message are written down at once.
    together = before is not None and (before.fact.cause, before.fact.at_ms) == (fact.cause, fact.at_ms)
    return Copied(fact, written, before.recorded_ms if before and together else published_ms)


async def _ahead(journal: Restoring, records: AsyncGenerator[Published, None]) -> tuple[str, ...]:
    epochs: dict[str, int] = {}
    async with aclosing(records):
        async for record in records:
            try:
                table = table_from(record.value)
            except Malformed:
                continue  # gateways cannot read it either
            epochs[table.service] = max(table.epoch, epochs.get(table.service, 0))
    restored = {name: head.history.state.epoch for name, head in journal.heads.items()}
    return tuple(sorted(name for name, epoch in epochs.items() if epoch > restored.get(name, 0)))


async def _copy_checkpoints(
    session: Session,
    signed: RestoredCheckpoints,
    records: AsyncGenerator[Published, None],
    progress: Progress,
    trusted: Trusted | None,
) -> tuple[int, "_Unreadable"]:
    read, left_out, unreadable = 0, 0, _Unreadable()
    async with aclosing(records):
        async for page in _pages(records):
            all_ = list(_checkpoints(page, unreadable))
            taken = all_ if trusted is None else [one for one in all_ if not distrusted(one, trusted)]
            read, left_out = read + len(page), left_out + len(all_) - len(taken)
            await session.do(partial(signed.take, signed=taken, believed=trusted is not None))
            progress("checkpoints", read)
    return left_out, unreadable


@dataclass(slots=True)
class _Unreadable:
    named: list[str] = field(default_factory=list)
    records: int = 0

    def add(self, record: Published, error: Malformed) -> None:
        self.records += 1
        if len(self.named) < MOST_NAMED:
            place = f"{Topic.CHECKPOINTS}, partition {record.partition}, offset {record.offset}"
            self.named.append(f"{place}: {error}")


def _checkpoints(records: Sequence[Published], unreadable: _Unreadable) -> Iterator[Checkpoint]:
    for record in records:
        try:
            yield checkpoint_from_message(record.value)
        except Malformed as error:
            # No fact depends on it. What it vouched for is proven by the others, or `segue verify` names the gap.
            unreadable.add(record, error)


async def _copy_messages(
    session: Session, inbox: RestoredInbox, topic: Topic, records: AsyncGenerator[Received, None], progress: Progress
) -> None:
    messages = 0
    async with aclosing(records):
        async for page in _pages(records):
            await session.do(partial(inbox.take_messages, records=page))
            messages += len(page)
            progress(f"messages of {topic}", messages)


async def _pages(each: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    page: list[T] = []
    async for one in each:
        page.append(one)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page
