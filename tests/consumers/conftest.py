"""One broker for the session; each test has topics, groups and a store of its own on it."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.outside.kafka import ensure_topics
from controller.parts.kafka import Kafka, start_kafka
from controller.parts.postgres import Postgres, start_postgres
from controller.settings import Settings
from tests.consumers.world import World, new_prefix
from tests.parts.sealed import Sealed, sealed_kafka

OpenStore = Callable[[], Awaitable[Store]]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A running Kafka."""
    with start_kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    """A running Kafka that lets nobody in without a word."""
    with sealed_kafka(tmp_path_factory.mktemp("sealed")) as one:
        yield one


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite store of the newest schema, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "segue.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def settings(broker: Kafka, template: Path, tmp_path: Path) -> Settings:
    """Settings of a Segue with topics and an SQLite store of its own."""
    prefix = new_prefix()
    ensure_topics(broker.bootstrap, prefix)
    shutil.copy(template, tmp_path / "segue.db")
    return Settings(data=tmp_path, kafka=broker.bootstrap, topic_prefix=prefix)


@pytest.fixture
async def sealed_world(sealed: Sealed, template: Path, tmp_path: Path) -> AsyncIterator[World]:
    """A Segue that shows a password by SCRAM, with topics and a store of its own; the test itself has another door."""
    shutil.copy(template, tmp_path / "segue.db")
    own = sealed.known(Settings(data=tmp_path, topic_prefix=new_prefix()))
    ensure_topics(own.brokers, own.topic_prefix)
    made = AIOKafkaProducer(bootstrap_servers=sealed.clear, acks="all")
    await made.start()
    yield World(own, made)
    await made.stop()


@pytest.fixture
async def sealed_store(sealed_world: World) -> AsyncIterator[Store]:
    """Its store, opened."""
    opened = await open_store(sealed_world.settings.database)
    yield opened
    await opened.close()


@pytest.fixture
async def producer(broker: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    """What tests publish with."""
    running = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def world(settings: Settings, producer: AIOKafkaProducer) -> World:
    """A Segue of which nothing runs yet."""
    return World(settings, producer)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    """The SQLite store, opened."""
    opened = await open_store(settings.database)
    yield opened
    await opened.close()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL that the test may stop and start."""
    running = start_postgres(tmp_path / "postgres")
    yield running
    running.erase()


@pytest.fixture
def postgres_world(world: World, postgres: Postgres) -> World:
    """The same Segue with its store on PostgreSQL."""
    url = postgres.create("segue")
    upgrade(url)
    world.settings = replace(world.settings, database_url=url)
    return world
