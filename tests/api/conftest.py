"""The API as it runs: uvicorn on a free port, a real Kafka with provisioned topics, a real store."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from controller.journal.schema import upgrade
from controller.outside.kafka import ensure_topics
from controller.parts.kafka import Kafka, start_kafka
from controller.parts.ports import free_port
from controller.settings import Settings
from tests.api.world import TOKENS, Api, running


@pytest.fixture(scope="package")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker with Segue's topics."""
    with start_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        ensure_topics(broker.bootstrap)
        yield broker


@pytest.fixture
def settings(kafka: Kafka, tmp_path: Path) -> Settings:
    """Settings of an API with a fresh store and one token of each role."""
    settings = Settings(data=tmp_path, kafka=kafka.bootstrap, api_port=free_port(), tokens=TOKENS)
    upgrade(settings.database)
    return settings


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    """An API that is ready."""
    async with running(settings) as api:
        await api.until_ready()
        yield api
