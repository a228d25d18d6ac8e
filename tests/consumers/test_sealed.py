"""A Kafka that asks who comes: every client that Segue has shows a password over TLS, or a certificate."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import TopicAuthorizationFailedError

from controller.brokers import Brokers
from controller.core.errors import Unavailable
from controller.core.routing import RoutingTable
from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.outside.kafka import ensure_topics
from controller.outside.published import sizes
from controller.parts.ports import LOOPBACK, free_port
from controller.proof.look import verify
from controller.replay import replay_sql
from controller.replays import all_from_kafka
from controller.restore import restore
from controller.wire.topics import Topic, topic_name
from tests.api.test_alertmanager import alert as fired
from tests.api.test_alertmanager import webhook
from tests.api.world import ALERTMANAGER, TOKENS, running
from tests.consumers.test_asking import segue, set_plan
from tests.consumers.test_deciding import INSTALLED, publish_in_turn
from tests.consumers.test_departed import seen_off
from tests.consumers.world import DECIDERS, World
from tests.gateway.test_following import process
from tests.journal.messages import SERVICE, installed, requested, rolling
from tests.parts.certificates import certify
from tests.parts.sealed import PASSWORD, PLAIN_PASSWORD, RIGHTS, USERNAME, Rights, Sealed


@pytest.fixture
def world(sealed_world: World) -> World:
    """A Segue with a gateway and an API besides."""
    sealed_world.settings = replace(
        sealed_world.settings,
        tokens=TOKENS,
        api_port=free_port(),
        gateway_port=free_port(),
        triton_http=f"{LOOPBACK}:{free_port()}",
        router="gateway@sealed",
    )
    return sealed_world


@pytest.fixture
def store(sealed_store: Store) -> Store:
    """Its store."""
    return sealed_store


async def test_a_release_is_taken_back(world: World, store: Store, sealed: Sealed, tmp_path: Path) -> None:
    """Deciders, gateway and API each by an account of its own that may do no more than it must; commands, too."""
    sealed.grant(world.settings.topic_prefix)
    all_rights, control = world.settings, replace(world.settings, kafka_username="control")
    world.settings = control
    async with world.hosting(store, *DECIDERS, "checkpoints"):
        await publish_in_turn(world, SERVICE, installed(), *INSTALLED)
        async with (
            process(replace(control, kafka_username="gateway")) as gateway,
            running(replace(control, kafka_username="api")) as api,
        ):
            await gateway.serves(1, service=SERVICE)
            await api.until_ready()
            for message, sign in zip(rolling(), ("RolloutStarted", "StepStarted"), strict=True):
                known = (await world.told(SERVICE)).count(sign)

                async def more(known: int = known, sign: str = sign) -> bool:
                    return (await world.told(SERVICE)).count(sign) > known

                await world.publish(message.record)
                await world.until(f"{sign} is told", more)
            answer = await api.post("/alertmanager", webhook(fired(SERVICE, release="1.5.0")), ALERTMANAGER)
            assert answer.status_code == 202

            async def is_back() -> bool:
                return "ReleaseQuarantined" in await world.told(SERVICE)

            await world.until("it is taken back", is_back)
            await gateway.serves((await table(world)).epoch, service=SERVICE)

            async def is_told() -> bool:
                return "RouteApplied" in await world.told(SERVICE)

            await world.until("the gateway's report is heard", is_told)
            ordered = ("rollout", "pause", SERVICE, "--reason", "nothing runs")
            refused = await asyncio.to_thread(segue(all_rights, tmp_path).json, *ordered, code=None)
            assert "nothing" in str(refused)
    assert {one["found"] for one in await asyncio.to_thread(segue(all_rights, tmp_path).json, "topics")} == {
        "as specified"
    }


async def test_a_person_tells_what_changes_nothing_from_what_nobody_decides(
    world: World, store: Store, sealed: Sealed, tmp_path: Path
) -> None:
    """With the rights of the documentation and no database; who may not look at groups is told that it is not known."""
    sealed.grant(world.settings.topic_prefix, api=Rights(reads=(Topic.JOURNAL,), writes=(Topic.ORDERED,)))
    person, blind = (
        segue(replace(world.settings, data=tmp_path / name, kafka_username=name), tmp_path)
        for name in ("person", "api")
    )
    assert "nobody decided this within 1 s" in (await set_plan(person, tmp_path, "--wait", "1")).err
    async with world.hosting(store, "orders", "relay"):
        await world.until_told(SERVICE, "PlanSet")
        again = await set_plan(person, tmp_path, "--wait", "2")
        unknown = await set_plan(blind, tmp_path, "--wait", "2")
    assert (again.code, again.out) == (
        0,
        "Nothing changed: it was decided, and no fact of it was published within 2 s.\n",
    )
    assert unknown.code == 3
    assert "whether anybody decided this within 2 s is not known: Kafka at" in unknown.err
    assert "refuses to tell the offsets of" in unknown.err


async def table(world: World) -> RoutingTable:
    """Return the table that is live."""
    found = await world.table(SERVICE)
    assert found is not None
    return found


@pytest.mark.parametrize("account", RIGHTS)
async def test_nobody_writes_to_the_topic_of_another(world: World, sealed: Sealed, account: str) -> None:
    """Every topic is tried by every account: the gateway's, were it stolen, neither orders nor decides."""
    sealed.grant(prefix := world.settings.topic_prefix)
    brokers = replace(world.settings, kafka_username=account).brokers
    producer = AIOKafkaProducer(**brokers.client(), acks="all")
    await producer.start()
    written = set()
    for topic in Topic:
        with suppress(TopicAuthorizationFailedError):
            await producer.send_and_wait(topic_name(topic, prefix), b"{}", key=b"tried")
            written.add(topic)
    await producer.stop()
    assert written == set(RIGHTS[account].writes)


async def test_history_is_read_from_it(world: World, store: Store, tmp_path: Path) -> None:
    """A replay, a check of both copies and a restore get in, too."""
    kafka, prefix = world.settings.brokers, world.settings.topic_prefix
    async with world.hosting(store, *DECIDERS):
        await publish_in_turn(world, SERVICE, installed(), *INSTALLED)
    assert (await verify(store, kafka, prefix)).findings == ()
    assert await all_from_kafka(kafka, prefix, jobs=2) == await replay_sql(store)
    upgrade(lost := f"sqlite:///{tmp_path}/lost.db")
    empty = await open_store(lost)
    await restore(empty, kafka, prefix, lambda _what, _number: None)
    assert await replay_sql(empty) == await replay_sql(store)
    await empty.close()


@pytest.mark.parametrize("shown", ["password in TLS", "certificate"])
async def test_other_ways_to_be_known(world: World, store: Store, sealed: Sealed, shown: str) -> None:
    """PLAIN over TLS, and a certificate without a password, do as well."""
    if shown == "certificate":
        world.settings = replace(
            world.settings,
            kafka=sealed.certificate,
            kafka_security_protocol="SSL",
            kafka_username="",
            kafka_password="",
            kafka_cert=str(sealed.certificates.client),
            kafka_key=str(sealed.certificates.client_key),
        )
    else:
        world.settings = replace(world.settings, kafka_sasl_mechanism="PLAIN", kafka_password=PLAIN_PASSWORD)
    async with world.hosting(store, "rollouts", "relay"):
        await world.publish(requested("1.4.0").record)
        await world.until_told(SERVICE, "RolloutStarted")


async def test_the_dead_are_seen_off_there(world: World, store: Store) -> None:
    """Who tells Kafka that a dead member leaves shows who he is, as everybody does: it is out of its group."""
    await seen_off(world, store)


def _brokers(sealed: Sealed, **other: str) -> Brokers:
    known = Brokers(
        sealed.password, "SASL_SSL", "SCRAM-SHA-512", USERNAME, PASSWORD, str(sealed.certificates.authority)
    )
    return replace(known, **other)


async def test_who_is_turned_away_is_told_why(sealed: Sealed, tmp_path: Path) -> None:
    """Each thing that may be wrong has its own sentence, at once, which names the setting and tells no password."""
    stranger = str(certify(tmp_path).authority)
    without = {"username": "", "password": "", "protocol": "SSL"}
    for wrong, sentence in (
        (
            _brokers(sealed, password="not-this-0123456789"),
            "knows no 'segue' with this password; correct SEGUE_KAFKA_US",
        ),
        (_brokers(sealed, mechanism="SCRAM-SHA-256"), "does not take SCRAM-SHA-256; set SEGUE_KAFKA_SASL_MECHANISM"),
        (_brokers(sealed, authority=stranger), "its certificate is refused .* let SEGUE_KAFKA_CA name"),
        (_brokers(sealed, addresses=sealed.clear), "see whether it speaks SASL_SSL there"),
        (_brokers(sealed, addresses=sealed.certificate, **without), "whether it asks for a certificate"),
        (Brokers(sealed.password), "speaks PLAINTEXT .SEGUE_KAFKA_SECURITY_PROTOCOL"),
    ):
        with pytest.raises(Unavailable, match=sentence) as told:
            await sizes(wrong)
        assert wrong.password not in str(told.value) or not wrong.password
        if not wrong.open:
            with pytest.raises(Unavailable, match=sentence):
                ensure_topics(wrong)


async def test_a_worker_that_is_turned_away_says_so(world: World, store: Store) -> None:
    """/ready and the log name the setting, while it goes on trying: the user may be added meanwhile."""
    world.settings = replace(world.settings, kafka_password="not-this-0123456789")
    async with world.hosting(store, "rollouts", "relay") as readiness:

        async def told() -> bool:
            missing = await readiness.missing()
            return all("SEGUE_KAFKA_PASSWORD" in missing.get(name, "") for name in ("rollouts", "relay"))

        await world.until("both say what is wrong", told)
        assert "not-this-0123456789" not in str(await readiness.missing())
