"""A database is lost and filled anew from Kafka alone: whoever decided goes on, and nothing is decided twice."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from kafka import KafkaAdminClient, TopicPartition
from sqlalchemy import Table, delete, func, select

from controller.backtest.compare import backtest
from controller.backtest.policy import Policy
from controller.core.errors import Broken
from controller.core.plan import Plan
from controller.core.routing import Role
from controller.handle import Outcome, handle
from controller.journal import Store, open_store, tables, views
from controller.journal.checkpoints import kept
from controller.journal.inbox import seen
from controller.journal.outbox import SHARD, OutboxRow, next_batch
from controller.journal.restoring import Restoring
from controller.journal.schema import upgrade
from controller.journal.session import View
from controller.outside.published import received
from controller.outside.signing import Trusted, make_key, read_signer, read_trusted
from controller.parts.postgres import Postgres, start_postgres
from controller.proof.rows import verify_rows
from controller.redecide import Otherwise, redecide
from controller.restore import MOST_NAMED, Restored, restore
from controller.wire.checkpoint import checkpoint_message
from controller.wire.codec import fact_from_message, fact_hash, fact_message, table_from
from controller.wire.inbound import Input, Received, read
from controller.wire.messages import MessageType
from controller.wire.topics import DECIDED_BY, INBOUND, PARTITIONS, Topic, group_name, topic_name
from tests.consumers.test_deciding import ROLLED_BACK
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import SERVICE, alert, installed, ordered, ready, requested, rolling, unreadable
from tests.journal.sight import READ_TABLES, rows, sight

FACTS = (tables.journal, *READ_TABLES, tables.timers)

NewStore = Callable[[], Awaitable[Store]]


def _place(service: str) -> int:
    return int(DefaultPartitioner()(service.encode(), list(range(PARTITIONS)), list(range(PARTITIONS))))


NEIGHBOUR = next(name for name in (f"voice-{number}" for number in count()) if _place(name) == _place(SERVICE))
"""A service whose messages stand in the same partitions."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL for all tests here."""
    running = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield running
    running.erase()


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty(request: pytest.FixtureRequest, cluster: Postgres, tmp_path: Path) -> AsyncIterator[NewStore]:
    """Make empty stores of a kind; every test that asks for one runs once on each kind."""
    made: list[Store] = []

    async def make() -> Store:
        name = f"restore_{next(_NUMBERS)}"
        url = f"sqlite:///{tmp_path}/{name}.db" if request.param == "sqlite" else cluster.create(name)
        upgrade(url)
        made.append(await open_store(url))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
async def living(empty: NewStore) -> Store:
    """The store that will be lost."""
    return await empty()


async def decided(world: World, store: Store, *records: Received) -> None:
    """Publish messages, each once the one before is decided, and what followed is published."""
    for record in records:
        before = await _number(store, tables.inbox)

        async def done(before: int = before) -> bool:
            return await _number(store, tables.inbox) > before and not await _number(store, tables.outbox)

        await world.publish(record)
        await world.until("the message is decided", done)


async def _number(store: Store, table: Table) -> int:
    return int((await store.rows(select(func.count()).select_from(table), {}))[0][0])


async def restored(world: World, store: Store, trusted: Trusted | None = None) -> Restored:
    """Fill a store from the world's Kafka."""
    settings = world.settings
    return await restore(store, settings.kafka, settings.topic_prefix, lambda _what, _number: None, trusted)


def of(*inputs: Input) -> list[Received]:
    """Return messages as records."""
    return [one.record for one in inputs]


async def positions(world: World) -> list[int]:
    """Return the positions of the service's facts in Kafka, in the order in which they stand there."""
    return [fact.position for fact in await world.facts(SERVICE)]


def forget_offsets(world: World) -> None:
    """Lose what the deciders acknowledged."""
    with KafkaAdminClient(bootstrap_servers=world.settings.kafka) as admin:
        admin.delete_groups(groups(world))


def groups(world: World) -> list[str]:
    """Name the deciders' groups."""
    return [group_name(DECIDED_BY[topic], world.settings.topic_prefix) for topic in INBOUND]


def forget_messages(world: World) -> None:
    """Let the broker delete every message that was ever sent to the deciders, as it does after thirty days."""
    with KafkaAdminClient(bootstrap_servers=world.settings.kafka) as admin:
        names = [topic_name(topic, world.settings.topic_prefix) for topic in INBOUND]
        admin.delete_records({TopicPartition(name, at): -1 for name in names for at in range(PARTITIONS)})


async def test_everything_is_as_it_was_and_the_rollout_goes_on(world: World, living: Store, empty: NewStore) -> None:
    """Facts, tables, timers and messages are equal, byte for byte; then the candidate is promoted, each fact once."""
    again, broken = requested("1.5.0", id="asked for while it is the candidate"), unreadable()
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed(), *rolling(), again), broken, *of(*installed("suzume")))
    other = await empty()
    told = await restored(world, other)
    facts = len(await rows(living, tables.journal))
    assert told == Restored(services=2, facts=facts, checkpoints=0, messages=8, causes=0, presumed=0, undecided=0)
    assert await sight(other, *FACTS) == await sight(living, *FACTS)
    messages = {row["id"]: row for row in await rows(other, tables.inbox)}
    quiet = messages.pop(again.id)
    before = {row["id"]: row for row in await rows(living, tables.inbox)}
    assert {**quiet, "position": before[again.id]["position"]} == before.pop(again.id)
    assert messages == before
    known = len(await positions(world))
    async with world.hosting(other, *DECIDERS):
        await world.publish(ordered(MessageType.PROMOTE, 0).record)
        await world.until_told(SERVICE, "RolloutPromoted", "RouteSet")
    assert await positions(world) == list(range(1, known + 3))
    table = await world.table(SERVICE)
    assert table is not None
    assert (Role.STABLE, "1.5.0") in [(arm.role, arm.release.version) for arm in table.arms]
    assert await otherwise(other) == []


async def otherwise(store: Store) -> list[Otherwise]:
    """Return what the messages in the inbox would lead to that is not on record."""
    services = await views.services(store)
    return [found for one in services for found in (await redecide(store, one.service)).otherwise]


async def test_who_starts_at_the_beginning_decides_nothing_twice(world: World, living: Store, empty: NewStore) -> None:
    """
    Also when Kafka forgot what was acknowledged, before and after.

    The second request was quiet, for its release was the candidate. Now that this is taken back, it would be refused.
    """
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed(), *rolling(), requested("1.5.0", id="again"), alert("1.5.0")))
    forget_offsets(world)
    other = await empty()
    told = await restored(world, other)
    assert (told.presumed, told.undecided) == (1, 0)
    forget_offsets(world)
    facts = await positions(world)
    async with world.hosting(other, *DECIDERS):
        await decided(world, other, requested("1.6.0").record)
    assert await positions(world) == [*facts, len(facts) + 1]


async def known_by_name(world: World, living: Store, empty: NewStore) -> Store:
    """Let a candidate get traffic, and the broker lose the messages that led to it; return an empty store."""
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed(), *rolling()))
    forget_messages(world)
    return await empty()


async def test_a_message_that_the_broker_has_no_more_is_known_by_its_name(
    world: World, living: Store, empty: NewStore
) -> None:
    """What was sent long ago and comes again stays quiet; so does the message after it, and a new one is decided."""
    other = await known_by_name(world, living, empty)
    told = await restored(world, other)
    assert (told.messages, told.causes, told.undecided, told.untold) == (0, 4, 0, (SERVICE,))
    facts = await world.told(SERVICE)
    async with world.hosting(other, *DECIDERS):
        await world.publish(*of(*installed(), *rolling()))
        await decided(world, other, alert("1.5.0").record)
    assert await world.told(SERVICE) == [*facts, *ROLLED_BACK]
    assert await otherwise(other) == []
    tried = await backtest(other, SERVICE, Policy(Plan("at-once", ())))
    assert [(one.happened.outcome, one.would_have) for one in tried] == [("promoted", None), ("aborted", None)]


async def test_a_worker_that_was_there_before_the_restore_knows_what_it_brought(
    world: World, living: Store, empty: NewStore
) -> None:
    """It looked into the inbox when that was empty; what was restored by name alone is quiet all the same."""
    other = await known_by_name(world, living, empty)
    assert await other.write(lambda connection: seen(connection, installed())) == set()
    assert (await restored(world, other)).causes == 4
    assert (await handle(other, [*installed(), *rolling()])).outcomes == (Outcome.DUPLICATE,) * 4


async def test_a_worker_whose_store_was_emptied_and_restored_under_it_knows_what_was_brought(
    world: World, living: Store, empty: NewStore
) -> None:
    """What a connection saw of the store before tells it nothing of the store now."""
    other = await known_by_name(world, living, empty)
    for at_ms in (9_000, 9_500):
        assert (await handle(other, [ready("1.4.0", at_ms)])).outcomes == (Outcome.QUIET,)
    for table in (tables.inbox, tables.services):
        await other.write(lambda connection, table=table: connection.execute(delete(table)))  # type: ignore[misc]  # bound for the loop
    assert (await restored(world, other)).causes == 4
    assert (await handle(other, [*installed(), *rolling()])).outcomes == (Outcome.DUPLICATE,) * 4


async def test_what_nobody_had_decided_is_decided(world: World, living: Store, empty: NewStore) -> None:
    """An order whose function was down before the last fact was decided is not taken for one that led to nothing."""
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed(), *rolling(), ordered(MessageType.PAUSE, 0)))
    async with world.hosting(living, "rollouts", "signals", "relay"):
        await world.publish(ordered(MessageType.RESUME, 0).record)
        await decided(world, living, requested("1.6.0").record)
    other = await empty()
    assert (await restored(world, other)).undecided == 1
    async with world.hosting(other, *DECIDERS):
        await world.until_told(SERVICE, "OrderRefused")


async def test_who_was_passed_by_a_neighbour_is_decided(world: World, living: Store, empty: NewStore) -> None:
    """Services take turns within a partition: that the message behind it was decided says nothing about it."""
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed(), *rolling(), *installed(NEIGHBOUR)))
    async with world.hosting(living, "orders", "relay"):
        await world.publish(*(requested("1.6.0", service=name).record for name in (SERVICE, NEIGHBOUR)))
        async for record in received(world.settings.kafka, world.settings.topic_prefix, Topic.REQUESTED):
            if record.key == NEIGHBOUR.encode():
                await handle(living, [read(record)])
        await decided(world, living, ordered(MessageType.PAUSE, 0).record)
    other = await empty()
    told = await restored(world, other)
    assert (told.presumed, told.undecided) == (0, 1)
    async with world.hosting(other, *DECIDERS):
        await world.until_told(SERVICE, "RolloutPaused", "RolloutSuperseded", "RouteSet", "RolloutStarted")


async def test_a_restore_after_another_knows_what_was_acknowledged(
    world: World, living: Store, empty: NewStore
) -> None:
    """
    The first one sets where consumers go on before its commit, which may fail: the second tells the same from it.

    Two services' requests lie in one partition. The first one's last is decided anew, so consumers begin there; the
    other's came after that, was acknowledged, and was quiet before its service was paused.
    """
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed(), *rolling(), *installed(NEIGHBOUR), *rolling(service=NEIGHBOUR)))
        again = [requested("1.5.0", id="again", service=name) for name in (SERVICE, NEIGHBOUR)]
        await decided(world, living, *of(*again, ordered(MessageType.PAUSE, 0, NEIGHBOUR)))
    first = await restored(world, await empty())
    assert (first.presumed, first.undecided) == (1, 1)
    assert await restored(world, await empty()) == first


async def test_a_checkpoint_is_kept_as_it_was_first_said(
    world: World, living: Store, empty: NewStore, tmp_path: Path
) -> None:
    """What somebody puts into the topic later contradicts it, or takes its number, and is counted, not kept."""
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed()))
    (head,) = await rows(living, tables.services)
    make_key(tmp_path / "key.pem")
    said = read_signer(str(tmp_path / "key.pem")).sign(SERVICE, head["position"], head["head_hash"], 5_000)
    for one in (said, said, replace(said, hash="0" * 64), replace(said, position=1)):
        await world.producer.send_and_wait(
            topic_name(Topic.CHECKPOINTS, world.settings.topic_prefix), checkpoint_message(one), partition=0
        )
    other = await empty()
    told = await restored(world, other)
    assert (told.checkpoints, told.contradicting) == (1, 2)
    assert await kept(other) == [said]


async def test_a_record_that_is_no_checkpoint_is_named_and_passed_over(
    world: World, living: Store, empty: NewStore, tmp_path: Path
) -> None:
    """What was signed around it is restored: no fact depends on it."""
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed()))
    (head,) = await rows(living, tables.services)
    make_key(tmp_path / "key.pem")
    signer = read_signer(str(tmp_path / "key.pem"))
    first = signer.sign(SERVICE, 1, "0" * 64, 4_000)
    last = signer.sign(SERVICE, head["position"], head["head_hash"], 5_000, first)
    never = checkpoint_message(first).replace(b'"signed_ms":4000', b'"signed_ms":%d' % 2**62)
    for value in (checkpoint_message(first), never, checkpoint_message(last)):
        await world.producer.send_and_wait(
            topic_name(Topic.CHECKPOINTS, world.settings.topic_prefix), value, partition=2
        )
    await tell(world, Topic.CHECKPOINTS, b"not signed by anybody")
    filled = await empty()
    told = await restored(world, filled)
    assert await kept(filled) == [first, last]
    assert told.checkpoints == 2
    garbage, timeless = sorted(told.unreadable, key=lambda one: "signed_ms" in one)
    assert re.match(r"journal.checkpoints, partition \d, offset \d: checkpoint, character 0 is 'not signed by", garbage)
    assert timeless.startswith(f"journal.checkpoints, partition 2, offset 1: checkpoint.data.signed_ms is {2**62};")
    assert told.passed_over == 2


async def test_of_many_records_that_are_no_checkpoints_the_first_are_named_and_all_counted(
    world: World, empty: NewStore
) -> None:
    """A topic that somebody else filled ends no restore, and costs it no more memory than the names of a few."""
    topic = topic_name(Topic.CHECKPOINTS, world.settings.topic_prefix)
    sent = [await world.producer.send(topic, b"nobody's word", partition=0) for _ in range(MOST_NAMED + 7)]
    await asyncio.gather(*sent)
    told = await restored(world, await empty())
    assert told.passed_over == MOST_NAMED + 7
    assert len(told.unreadable) == MOST_NAMED
    assert told.unreadable[-1].startswith(f"journal.checkpoints, partition 0, offset {MOST_NAMED - 1}: ")


@pytest.mark.parametrize(("at", "what"), [(1, "another fact stands there"), (99, "Kafka has no such fact")])
async def test_what_trusted_keys_signed_must_be_there(
    world: World, living: Store, empty: NewStore, tmp_path: Path, at: int, what: str
) -> None:
    """What others signed is left out; a trusted word about a fact that is not there, or is another, ends it."""
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed()))
    (head,) = await rows(living, tables.services)
    make_key(tmp_path / "mine.pem"), make_key(tmp_path / "other.pem")
    mine, other = (read_signer(str(tmp_path / name)) for name in ("mine.pem", "other.pem"))
    last = mine.sign(SERVICE, head["position"], head["head_hash"], 5_000)
    for one in (other.sign(SERVICE, 99, "0" * 64, 5_000), last):
        await tell(world, Topic.CHECKPOINTS, checkpoint_message(one))
    trusted = read_trusted("", mine)
    filled = await empty()
    told = await restored(world, filled, trusted)
    assert (told.checkpoints, told.distrusted) == (1, 1)
    assert await kept(filled) == [last]
    await tell(world, Topic.CHECKPOINTS, checkpoint_message(mine.sign(SERVICE, at, "0" * 64, 6_000)))
    with pytest.raises(Broken, match=rf"fact {at} of {SERVICE} was signed .* {what}"):
        await restored(world, await empty(), trusted)


async def test_a_broker_that_takes_its_time_does_not_end_it(cluster: Postgres) -> None:
    """PostgreSQL ends a transaction in which nothing happens for 30 s; not this one, and the next one again."""
    url = cluster.create(f"restore_{next(_NUMBERS)}")
    upgrade(url)
    store = await open_store(url)
    shown = "SHOW idle_in_transaction_session_timeout"
    async with store.session() as session:
        async with session.transaction(View.ALONE):
            await session.do(lambda connection: Restoring.begin(connection, store.name))
            assert await session.do(lambda connection: connection.exec_driver_sql(shown).scalar()) == "0"
        async with session.transaction():
            assert await session.do(lambda connection: connection.exec_driver_sql(shown).scalar()) == "30s"
    await store.close()


async def cut_short(world: World, living: Store, *, missing: int) -> list[OutboxRow]:
    """Take a rollout back, and return its facts for the relay but for these last ones, which go with the database."""
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed(), *rolling()))
    async with world.hosting(living, "alerts"):
        await world.publish(alert("1.5.0").record)
        before = len(await rows(living, tables.inbox))

        async def taken_back() -> bool:
            return await _number(living, tables.inbox) > before

        await world.until("the alert is decided", taken_back)
    left = await living.read(lambda connection: next_batch(connection, SHARD, 100))
    return [row for row in left if row.topic is Topic.JOURNAL][: len(ROLLED_BACK) - missing]


async def tell(world: World, topic: Topic, value: bytes) -> None:
    """Publish what the relay would have published."""
    await world.producer.send_and_wait(topic_name(topic, world.settings.topic_prefix), value, key=SERVICE.encode())


@pytest.mark.parametrize("missing", range(1, len(ROLLED_BACK)))
async def test_a_decision_that_was_published_in_part_is_made_whole(
    world: World, living: Store, empty: NewStore, missing: int
) -> None:
    """The alert is decided again upon the facts before it; what was missing is published, and the table with it."""
    for row in await cut_short(world, living, missing=missing):
        await tell(world, row.topic, row.body)
    other = await empty()
    told = await restored(world, other)
    assert (told.completed, told.otherwise, told.untold, told.undecided) == (missing, (), (), 0)
    assert await sight(other, *FACTS) == await sight(living, *FACTS)
    assert await otherwise(other) == []
    assert (await verify_rows(other, lambda _what, _number: None)).differing == ()
    async with world.hosting(other, *DECIDERS):
        await world.until_told(SERVICE, *ROLLED_BACK)
    table = await world.table(SERVICE)
    assert table is not None
    assert [arm.role for arm in table.arms] == [Role.STABLE]


async def test_a_table_that_gateways_have_and_whose_fact_is_lost_is_named(
    world: World, living: Store, empty: NewStore
) -> None:
    """A table goes out before its facts; gateways take none with its epoch again, so somebody has to look."""
    await cut_short(world, living, missing=len(ROLLED_BACK))
    left = await living.read(lambda connection: next_batch(connection, SHARD, 100))
    assert (await restored(world, await empty())).ahead == ()
    (table,) = [row for row in left if row.topic is Topic.TABLE]
    await tell(world, table.topic, table.body)
    other = await empty()
    told = await restored(world, other)
    assert (told.ahead, told.undecided) == ((SERVICE,), 1)
    async with world.hosting(other, *DECIDERS):
        await world.until_told(SERVICE, *ROLLED_BACK)
        assert await world.table(SERVICE) == table_from(table.body)


async def test_facts_that_do_not_follow_from_their_message_are_named(
    world: World, living: Store, empty: NewStore
) -> None:
    """Whether more of them are missing cannot be told then: they stay as they were published."""
    (first, *_) = await cut_short(world, living, missing=1)
    fact, prev_hash, _ = fact_from_message(first.body)
    other_reason = replace(fact, event=replace(fact.event, reason="another"))
    await tell(world, Topic.JOURNAL, fact_message(other_reason, fact_hash(prev_hash, other_reason), prev_hash))
    told = await restored(world, await empty())
    assert (told.completed, told.otherwise) == (0, (SERVICE,))


async def test_what_is_there_is_not_written_over(world: World, living: Store, empty: NewStore) -> None:
    """A store with facts, and one whose deciders run, are left as they are."""
    async with world.hosting(living, *DECIDERS) as _:
        await decided(world, living, *of(*installed()))
        with pytest.raises(Broken, match=r"segue-rollouts.* still decide: stop every process"):
            await restored(world, await empty())
    with pytest.raises(Broken, match=r"is not empty: journal, inbox, services hold rows; restore into a new"):
        await restored(world, living)


async def test_a_changed_fact_is_not_restored(world: World, living: Store, empty: NewStore) -> None:
    """The chain is followed on the way; a fact that is not what was written ends it, and the store stays empty."""
    async with world.hosting(living, *DECIDERS):
        await decided(world, living, *of(*installed()))
    (fact,) = (await world.values(Topic.JOURNAL))[-1:]
    changed = fact.replace(b"hibari/4", b"hibari/5").replace(b'"position":4', b'"position":5')
    await world.producer.send_and_wait(topic_name(Topic.JOURNAL, world.settings.topic_prefix), changed, key=b"hibari")
    other = await empty()
    with pytest.raises(Broken, match=r"rollout.journal is damaged.*hash of hibari/5"):
        await restored(world, other)
    assert await _number(other, tables.journal) == await _number(other, tables.rollouts) == 0


_NUMBERS = count(1)
