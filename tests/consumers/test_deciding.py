"""From a record to facts and a table: in order, once, and no message at the cost of another."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from sqlalchemy import select

from consumers import deciding
from controller.core.errors import Broken
from controller.core.names import UNADDRESSED
from controller.core.routing import Role
from controller.handle import Handled, handle
from controller.journal import Store, open_store, views
from controller.journal.tables import inbox
from controller.parts.postgres import Postgres
from controller.wire.inbound import Input, Received
from controller.wire.topics import Topic, topic_name
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import alert, installed, requested, rolling

INSTALLED = ("RolloutStarted", "ReleaseReady", "RolloutPromoted", "RouteSet")
ROLLING = ("RolloutStarted", "ReleaseReady", "StepStarted", "RouteSet")
ROLLED_BACK = ("AlertMatched", "RolloutAborted", "RouteSet", "ReleaseQuarantined")


async def publish_in_turn(world: World, service: str, messages: list[Input], *last: str) -> None:
    """Publish each message once the fact before it is told: topics keep no order among one another."""
    for message in messages:
        known = len(await world.told(service))

        async def more(known: int = known) -> bool:
            return len(await world.told(service)) > known

        await world.publish(message.record)
        await world.until(f"a fact that follows from {message.id}", more)
    await world.until_told(service, *last)


async def test_alert_brings_traffic_back_through_kafka(world: World, store: Store) -> None:
    """Request, ready and alert become facts in stream order, and a table that gives stable everything."""
    async with world.hosting(store, *DECIDERS):
        await publish_in_turn(world, "hibari", installed(), *INSTALLED)
        await publish_in_turn(world, "hibari", rolling(), *ROLLING)
        before = await world.table("hibari")
        await publish_in_turn(world, "hibari", [alert("1.5.0")], *ROLLED_BACK)
        after = await world.table("hibari")
    facts = await world.facts("hibari")
    assert [fact.position for fact in facts] == list(range(1, len(facts) + 1))
    assert before is not None
    assert after is not None
    assert (candidate := before.arm(Role.CANDIDATE)) is not None
    assert candidate.weight_bp == 500
    assert [(arm.role, arm.release.version, arm.weight_bp) for arm in after.arms] == [(Role.STABLE, "1.4.0", 10_000)]
    assert after.epoch > before.epoch


async def test_a_header_without_a_value_is_no_poison(world: World, store: Store) -> None:
    """Kafka lets a header have none; the message counts, and is kept with an empty one."""
    record = requested("1.4.0").record
    async with world.hosting(store, *DECIDERS):
        await world.producer.send_and_wait(
            topic_name(record.topic, world.settings.topic_prefix),
            record.value,
            key=record.key,
            headers=[*record.headers, ("trace", None)],
        )
        await world.until_told("hibari", "RolloutStarted")
    (kept,) = await store.rows(select(inbox.c.headers), {})
    assert ["trace", ""] in json.loads(kept.headers)


async def test_poison_in_a_batch_costs_no_neighbour(world: World, store: Store) -> None:
    """Records that cannot be read become dead letters with reason and origin; those around them are decided."""
    poison = [
        Received(Topic.REQUESTED, 0, 0, b"service-1", b'{"service": "service-1"', (), 0),
        Received(Topic.REQUESTED, 0, 0, b"service-1", b"\xff\xfe\x00", (("x-from", b"\xffci"),), 0),
        Received(Topic.REQUESTED, 0, 0, b"service-1", None, (), 0),
        Received(Topic.REQUESTED, 0, 0, None, b"[]", (("content-type", b"\xff"),), 0),
    ]
    good = [requested("1.4.0", 1_000 + number, service=f"service-{number}").record for number in range(8)]
    # Published before anybody listens, so that they come as batches; all under one key where they have one.
    await world.publish(*good[:4], *poison, *(replace(record, key=b"service-1") for record in good[4:]))
    async with world.hosting(store, "rollouts", "relay"):
        for number in range(8):
            await world.until_told(f"service-{number}", *(("RolloutStarted",) if number != 1 else ("MessageRejected",)))

        async def four_letters() -> bool:
            return len(await world.letters()) == 4

        await world.until("four dead letters", four_letters)
        letters = await world.letters()
    assert Counter(await world.told("service-1")) == {"RolloutStarted": 1, "MessageRejected": 3}
    assert await world.told(UNADDRESSED) == ["MessageRejected"]
    assert {letter["topic"] for letter in letters} == {"rollout.requested"}
    assert all(letter["reason"] and "offset" in letter and "partition" in letter for letter in letters)
    assert len(await views.dead_letters(store)) == 4


class NoText(str):
    """A header's name as only clients that do not check it can send it."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        """Return bytes that are no UTF-8."""
        return b"\xff\xfe"


async def test_record_that_cannot_be_taken_apart_costs_no_neighbour(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands before it, or on other partitions, is decided: nothing is thrown away with it."""
    topic = f"{world.settings.topic_prefix}{Topic.REQUESTED}"

    async def publish(service: str, partition: int) -> None:
        one = requested("1.4.0", service=service).record
        await world.producer.send_and_wait(topic, one.value, one.key, partition, headers=list(one.headers))

    for number in range(3):
        await publish(f"before-{number}", 0)
    with monkeypatch.context() as patched:
        patched.setattr(message_accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
        batch = world.producer.create_batch()
        batch.append(key=b"k", value=b"{}", timestamp=None, headers=[(NoText("x"), b"1")])
        batch.close()
        await (await world.producer.send_batch(batch, topic, partition=0))
    async with world.hosting(store, "rollouts"):
        for number in range(60):
            await publish(f"beside-{number}", 1 + number % 5)
            await asyncio.sleep(0.03)

        async def all_decided() -> bool:
            return len(await views.services(store)) == 63

        await world.until("every readable message is decided", all_decided)
    assert {service.position for service in await views.services(store)} == {1}


async def test_duplicate_is_quiet(world: World, store: Store) -> None:
    """A message published three times is decided once."""
    one = requested("1.4.0").record
    async with world.hosting(store, "rollouts", "relay"):
        await world.publish(one, one)
        await world.until_told("hibari", "RolloutStarted")
        await world.publish(one, requested("1.4.0", service="later").record)
        await world.until_told("later", "RolloutStarted")
    assert await world.told("hibari") == ["RolloutStarted"]


async def test_undecidable_message_becomes_a_letter(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message over which the whole batch fails is found out, set aside with the reason, and costs no neighbour."""

    async def failing(of: Store, inputs: Sequence[Input]) -> Handled:
        if any(one.id == "poison" for one in inputs):
            raise Broken("the database refuses a value")
        return await handle(of, inputs)

    monkeypatch.setattr(deciding, "handle", failing)
    ids = ["first", "poison", "last"]
    await world.publish(*(requested("1.4.0", id=id, service=f"service-{id}").record for id in ids))
    async with world.hosting(store, "rollouts", "relay"):
        await world.until_told("service-first", "RolloutStarted")
        await world.until_told("service-last", "RolloutStarted")
        await world.until_told("service-poison", "MessageRejected")

        async def one_letter() -> bool:
            return len(await world.letters()) == 1

        await world.until("a dead letter", one_letter)
        (letter,) = await world.letters()
    assert "the database refuses a value" in letter["reason"]


async def test_members_that_come_and_go_decide_each_message_once(world: World, store: Store) -> None:
    """While a second member joins the group and leaves it again, every message is decided, and once."""
    services = [f"service-{number}" for number in range(60)]

    async def publish(some: Sequence[str]) -> None:
        for service in some:
            await world.publish(requested("1.4.0", service=service).record)
            await asyncio.sleep(0.02)

    async with world.hosting(store, "rollouts", "relay"):
        await publish(services[:15])
        publishing = asyncio.create_task(publish(services[15:]))
        async with world.hosting(store, "rollouts"):
            await asyncio.sleep(0.5)
        await publishing

        async def all_decided() -> bool:
            return len(await views.services(store)) == len(services)

        await world.until("every message is decided", all_decided)
    assert {service.position for service in await views.services(store)} == {1}


@pytest.fixture
async def postgres_store(postgres_world: World) -> AsyncIterator[Store]:
    """The store on PostgreSQL, opened."""
    opened = await open_store(postgres_world.settings.database)
    yield opened
    await opened.close()


async def test_database_away_loses_nothing(postgres_world: World, postgres_store: Store, postgres: Postgres) -> None:
    """Messages that come while PostgreSQL is away wait, and are decided once and in order when it is back."""
    world, services = postgres_world, [f"service-{number}" for number in range(5)]
    async with world.hosting(postgres_store, *DECIDERS) as readiness:
        await publish_in_turn(world, "hibari", installed(), *INSTALLED)
        postgres.stop()
        await world.publish(*(requested("1.4.0", service=service).record for service in services))

        async def not_ready() -> bool:
            return "database" in await readiness.missing()

        await world.until("not ready", not_ready)
        postgres.start()
        for service in services:
            await world.until_told(service, "RolloutStarted")

        async def ready() -> bool:
            return not await readiness.missing()

        await world.until("ready again", ready)
        await publish_in_turn(world, "hibari", rolling(), *ROLLING)
    assert [await world.told(service) for service in services] == [["RolloutStarted"]] * 5
