"""The whole process on a real Kafka: tables in, epochs out, and a start without Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from controller.core.commands import AnyCommand, ReportReleaseDrained, ReportRouteApplied, ReportRouterEnded
from controller.core.errors import Broken, Malformed
from controller.core.routing import RoutingTable
from controller.gateway import serve
from controller.outside.kafka import ensure_topics
from controller.parts.kafka import start_kafka
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.triton import Triton
from controller.settings import Settings
from controller.wire.codec import table_json
from controller.wire.inbound import Received, read
from controller.wire.topics import Topic, topic_name
from tests.gateway.stage import SERVICE, SPEECH, Tones, table
from tests.gateway.test_streaming import PAGE


@dataclass(frozen=True)
class Process:
    """A gateway as it runs for real, in this event loop."""

    settings: Settings
    http: aiohttp.ClientSession

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """Ask /ready."""
        async with self.http.get("/ready") as answer:
            return answer.status, await answer.json()

    async def serves(self, epoch: int, *, service: str = SERVICE, deadline_s: float = 10) -> None:
        """Wait until it routes by this epoch."""
        deadline = time.monotonic() + deadline_s
        epochs: dict[str, int] = {}
        while epochs.get(service) != epoch:
            assert time.monotonic() < deadline, f"epoch {epoch} never came; last: {epochs}"
            await asyncio.sleep(0.01)
            with suppress(aiohttp.ClientError):
                status, body = await self.ready()
                epochs = body["epochs"] if status == 200 else {}

    async def speak(self) -> aiohttp.ClientResponse:
        """Speak a little."""
        body = {"model": SERVICE, "input": "Hi.", "response_format": "pcm"}
        async with self.http.post(SPEECH, json=body) as answer:
            await answer.read()
            return answer

    async def metric(self, name: str) -> float:
        """Return the value of a series that has one only."""
        async with self.http.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[Process]:
    """Run `serve` as its process would, and end it as SIGTERM would."""
    serving = asyncio.create_task(serve(settings))
    try:
        async with aiohttp.ClientSession(f"http://{LOOPBACK}:{settings.gateway_port}") as http:
            yield Process(settings, http)
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


@asynccontextmanager
async def publishing(settings: Settings) -> AsyncIterator[Any]:
    """Give a way to publish tables."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka)
    await producer.start()

    async def publish(routing: RoutingTable, key: str = SERVICE) -> None:
        topic = topic_name(Topic.TABLE, settings.topic_prefix)
        await producer.send_and_wait(topic, table_json(routing), key=key.encode())

    try:
        yield publish
    finally:
        await producer.stop()


async def test_reads_to_the_end_before_it_is_ready(settings: Settings, tones: Tones) -> None:
    """Ready means that the newest of many tables is in use, not the first; each speaks from then on."""
    async with publishing(settings) as publish:
        for epoch in range(1, 30):
            await publish(table(epoch, stable=tones["other"]))
        await publish(table(30, stable=tones["good"]))
        async with process(settings) as gate:
            status = 0
            while status != 200:
                with suppress(aiohttp.ClientError):
                    status, body = await gate.ready()
            assert body["epochs"] == {SERVICE: 30}
            assert body["source"] == "kafka"
            assert (await gate.speak()).headers["x-segue-release"] == "1.0.0-good"


async def test_new_table_is_in_use_within_milliseconds(settings: Settings, tones: Tones) -> None:
    """From publishing a table to routing by it takes milliseconds, not a poll."""
    async with publishing(settings) as publish, process(settings) as gate:
        await publish(table(1, stable=tones["good"]))
        await gate.serves(1)
        took_s = []
        for epoch in range(2, 22):
            began_s = time.perf_counter()
            await publish(table(epoch, stable=tones["good"]))
            await gate.serves(epoch)
            took_s.append(time.perf_counter() - began_s)
        assert sorted(took_s)[10] < 0.1


async def test_stale_epoch_is_refused(settings: Settings, tones: Tones) -> None:
    """An older table that comes late is refused and counted, and the newer one goes on."""
    async with publishing(settings) as publish, process(settings) as gate:
        await publish(table(5, stable=tones["good"]))
        await gate.serves(5)
        await publish(table(4, stable=tones["other"]))
        # Another service's table, published later to the same partition: when it is in use, the stale one was seen.
        await publish(replace(table(6, stable=tones["good"]), service="same-partition"), key=SERVICE)
        await gate.serves(6, service="same-partition")
        assert await gate.metric("segue_routing_tables_refused_total") == 1
        assert (await gate.speak()).headers["x-segue-epoch"] == "5"


async def test_unreadable_table_costs_no_neighbour(settings: Settings, tones: Tones) -> None:
    """Garbage and a tombstone on the topic are passed over."""
    async with publishing(settings) as publish, process(settings) as gate:
        producer = AIOKafkaProducer(bootstrap_servers=settings.kafka)
        await producer.start()
        topic = topic_name(Topic.TABLE, settings.topic_prefix)
        for value in (b"garbage", b"{}", None):
            await producer.send_and_wait(topic, value, key=SERVICE.encode())
        await producer.stop()
        await publish(table(1, stable=tones["good"]))
        await gate.serves(1)


async def test_applied_epochs_are_reported(settings: Settings, tones: Tones) -> None:
    """Every epoch in use becomes one readable message that names router, epoch and the moment of the swap."""
    async with publishing(settings) as publish, process(settings) as gate:
        before_ms = time.time_ns() // 1_000_000
        for epoch in (1, 2):
            await publish(table(epoch, stable=tones["good"]))
            await gate.serves(epoch)
        after_ms = time.time_ns() // 1_000_000
        inputs = [read(record) for record in await _signals(settings, 2)]
    assert [message.id.rpartition("/")[0] for message in inputs] == ["gateway@test/tone/1", "gateway@test/tone/2"]
    for epoch, message in enumerate(inputs, start=1):
        command = message.command
        assert isinstance(command, ReportRouteApplied)
        assert (command.service, command.router, command.epoch) == (SERVICE, "gateway@test", epoch)
        assert before_ms <= command.applied_at_ms <= after_ms


async def test_stream_under_way_on_a_release_that_left_is_told_until_it_ends(settings: Settings, tones: Tones) -> None:
    """A table is applied while an older one's stream goes on: its release is named until all is made, then drained."""
    good, slow = tones["good"].ensemble, tones["slow"].ensemble
    async with publishing(settings) as publish, process(settings) as gate:
        await publish(table(1, stable=tones["slow"]))
        await gate.serves(1)
        body = {"model": SERVICE, "input": PAGE, "response_format": "pcm", "stream": True}
        async with gate.http.post(SPEECH, json=body) as answer:
            await answer.content.readany()
            await publish(table(2, stable=tones["good"]))
            await gate.serves(2)
            assert await _said(settings, 2) == [(1, (slow,)), (2, (good, slow))]
            # Its listener need not have taken it all.
            assert (await _said(settings, 3))[2] == (2, slow)
            assert len(await answer.read()) > 1_000_000


async def test_gateway_that_ends_waits_for_nobody(settings: Settings, tones: Tones) -> None:
    """A gateway says at its end that nobody need wait for it; the next run of that name says anew what it may ask."""
    good = tones["good"].ensemble
    async with publishing(settings) as publish:
        await publish(table(1, stable=tones["good"]))
        for _ in range(2):
            async with process(settings) as gate:
                await gate.serves(1)
        inputs = [read(record) for record in await _signals(settings, 4)]
    assert [_saying(message.command) for message in inputs] == [(1, (good,)), (0, "ended")] * 2
    assert len({message.id for message in inputs}) == 4


async def _said(settings: Settings, count: int) -> list[tuple[int, object]]:
    return [_saying(read(record).command) for record in await _signals(settings, count)]


def _saying(command: AnyCommand) -> tuple[int, object]:
    """Return the epoch of a report, with what the gateway may speak with, or with the one that it no longer does."""
    if isinstance(command, ReportRouterEnded):
        return 0, "ended"
    if isinstance(command, ReportReleaseDrained):
        return command.epoch, command.ensemble
    assert isinstance(command, ReportRouteApplied)
    return command.epoch, command.speaking


async def _signals(settings: Settings, count: int) -> list[Received]:
    topic = topic_name(Topic.SIGNALS, settings.topic_prefix)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(10):
            records = [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()
    return [
        Received(Topic.SIGNALS, found.partition, found.offset, found.key, found.value, found.headers, found.timestamp)
        for found in records
    ]


async def test_restart_without_kafka_keeps_the_last_table(
    settings: Settings, triton: Triton, tones: Tones, tmp_path: Path
) -> None:
    """Without Kafka a gateway goes on, its table grows old, and a fresh start routes by the table on disk."""
    with start_kafka(tmp_path / "kafka") as broker:
        ensure_topics(broker.bootstrap)
        alone = replace(settings, kafka=broker.bootstrap, topic_prefix="")
        async with process(alone) as gate:
            async with publishing(alone) as publish:
                await publish(table(3, stable=tones["good"]))
                await gate.serves(3)
            young_s = (await gate.ready())[1]["table_age_s"]
            broker.stop()
            await asyncio.sleep(1)
            status, body = await gate.ready()
            assert status == 200
            assert body["table_age_s"] > 0.8 > young_s
            assert (await gate.speak()).headers["x-segue-epoch"] == "3"
        async with process(alone) as gate:
            await gate.serves(3)
            assert (await gate.ready())[1]["source"] == "disk"
            assert (await gate.speak()).headers["x-segue-epoch"] == "3"
            broker.start()
            async with publishing(alone) as publish:
                await publish(table(4, stable=tones["other"]))
                await gate.serves(4, deadline_s=20)
            assert (await gate.ready())[1]["source"] == "kafka"
            assert (await gate.speak()).headers["x-segue-release"] == "1.0.0-other"


async def test_without_kafka_or_disk_it_is_alive_but_not_ready(settings: Settings) -> None:
    """A first start without Kafka answers /health, is not ready, and knows no model."""
    async with process(replace(settings, kafka=f"{LOOPBACK}:{free_port()}")) as gate:
        await asyncio.sleep(2.3)
        assert (await gate.ready())[0] == 503
        async with gate.http.get("/health") as answer:
            assert answer.status == 200
        assert (await gate.speak()).status == 404


async def test_missing_address_is_told(settings: Settings) -> None:
    """Without an address of Kafka or Triton it says which variable to set."""
    with pytest.raises(Malformed, match="SEGUE_KAFKA"):
        await serve(replace(settings, kafka=""))
    with pytest.raises(Malformed, match="SEGUE_TRITON_HTTP"):
        await serve(replace(settings, triton_http=""))


async def test_taken_port_is_told(settings: Settings) -> None:
    """A port that somebody else has is one clear error, and nothing is left running."""
    async with process(settings) as gate:
        while True:
            with suppress(aiohttp.ClientError):
                await gate.ready()
                break
        with pytest.raises(Broken, match="SEGUE_GATEWAY_PORT"):
            await serve(settings)
