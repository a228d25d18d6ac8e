"""A Triton with one tone per fault, and a Kafka, started once for all of the gateway's tests."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.gateway.triton import TritonEngine
from controller.outside.kafka import ensure_topics
from controller.outside.triton import Triton as Control
from controller.parts.kafka import Kafka, start_kafka
from controller.parts.ports import free_port
from controller.parts.triton import Triton, start_triton
from controller.settings import Settings
from tests.gateway.stage import Tones
from triton_models.build import build

_TONE = Path(__file__).parents[1] / "models" / "tone"
_RELEASES = {
    "good": {"frequency_hz": "220"},
    "other": {"frequency_hz": "330"},
    "failing": {"frequency_hz": "440", "max_characters": "0"},
    "short": {"frequency_hz": "550", "max_characters": "150"},
    "silent": {"frequency_hz": "660", "level": "0"},
    "clipped": {"frequency_hz": "770", "level": "3"},
    "slow": {"frequency_hz": "880", "delay_s": "0.4"},
}


_prefixes = (f"gateway{number}." for number in itertools.count(1))


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """A server without any model yet."""
    folder = tmp_path_factory.mktemp("triton")
    with start_triton(folder, folder / "models") as server:
        yield server


@pytest.fixture(scope="session")
def tones(triton: Triton) -> Tones:
    """Releases that are loaded, by what is the matter with them."""
    releases = {
        name: build(
            _TONE,
            f"1.0.0-{name}",
            repository=triton.repository,
            build_time=datetime(2026, 1, 1, tzinfo=UTC),
            params={f"voice.{key}": value for key, value in parameters.items()},
        )
        for name, parameters in _RELEASES.items()
    }

    async def load() -> None:
        async with Control(triton.grpc) as control:
            for release in releases.values():
                await control.load(release.ensemble)

    asyncio.run(load())
    return releases


@pytest.fixture
async def engine(triton: Triton, tones: Tones) -> AsyncIterator[TritonEngine]:
    """The way to the tones."""
    engine = TritonEngine(triton.http)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker with Segue's topics."""
    with start_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        ensure_topics(broker.bootstrap)
        yield broker


@pytest.fixture
def settings(kafka: Kafka, triton: Triton, tones: Tones, tmp_path: Path) -> Settings:
    """Settings of a gateway with topics of its own."""
    prefix = next(_prefixes)
    ensure_topics(kafka.bootstrap, prefix)
    return Settings(
        data=tmp_path,
        kafka=kafka.bootstrap,
        topic_prefix=prefix,
        triton_http=triton.http,
        gateway_port=free_port(),
        router="gateway@test",
        drain_s=2,
    )
