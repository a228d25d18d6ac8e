"""A worker process from outside: what it answers, how it ends, and what it does about its own errors."""

import asyncio
import signal
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from consumers import timers
from consumers.metrics import RESTARTS
from consumers.run import run
from consumers.worker import Worker
from controller.core.errors import Broken, Conflict
from controller.journal import Store
from controller.outside.kafka import ensure_topics
from controller.parts.kafka import start_kafka
from controller.parts.ports import free_port
from controller.parts.postgres import Postgres
from controller.settings import Settings
from tests.consumers.process import hosting
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import requested


def answered(port: int, path: str) -> httpx.Response | None:
    """Ask a worker; None while nobody listens."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}")
    except httpx.TransportError:
        return None


async def until_ready(world: World, port: int) -> None:
    """Wait until a worker says that it is ready."""

    async def ready() -> bool:
        answer = answered(port, "/ready")
        return answer is not None and answer.status_code == 200

    await world.until("ready", ready)


async def test_worker_says_what_it_lacks_and_counts_what_it_does(postgres_world: World, postgres: Postgres) -> None:
    """/health answers at once, /ready names what is missing, /metrics counts facts; SIGTERM ends it within 2 s."""
    port = free_port()
    world = replace(postgres_world, settings=replace(postgres_world.settings, worker_port=port))
    postgres.stop()
    with hosting(world.settings, "never", *DECIDERS) as worker:

        async def alive() -> bool:
            answer = answered(port, "/health")
            return answer is not None and answer.status_code == 200

        await world.until("alive", alive)
        unready = answered(port, "/ready")
        assert unready is not None
        assert unready.status_code == 503
        assert "database" in unready.json()["missing"]
        postgres.start()
        await until_ready(world, port)
        await world.publish(requested("1.4.0").record)
        await world.until_told("hibari", "RolloutStarted")
        metrics = answered(port, "/metrics")
        assert metrics is not None
        assert 'segue_facts_total{type="RolloutStarted"} 1.0' in metrics.text
        assert 'segue_messages_total{function="rollouts",outcome="decided"} 1.0' in metrics.text
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 10) == 0
        assert time.monotonic() - began < 2


async def test_worker_begins_before_kafka_and_its_topics(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """/ready and the log say what is waited for; once Kafka and then its topics are there, messages are decided."""
    kafka, port = f"127.0.0.1:{free_port()}", free_port()
    settings = replace(world.settings, kafka=kafka, worker_port=port)
    with hosting(settings, "never", "rollouts", "relay"):

        async def missing() -> str:
            answer = answered(port, "/ready")
            return str(answer.json()["missing"].get("kafka", "")) if answer else ""

        async def waits() -> bool:
            return kafka in await missing()

        await world.until("it waits for Kafka", waits)
        assert "start it, or correct SEGUE_KAFKA" in await missing()
        with await asyncio.to_thread(start_kafka, tmp_path / "late", int(kafka.rpartition(":")[2])):

            async def joins() -> bool:
                answer = answered(port, "/ready")
                return answer is not None and "it joins the group" in answer.json()["missing"].get("rollouts", "")

            await world.until("it waits for its topic", joins)
            assert await missing() == ""
            await asyncio.to_thread(ensure_topics, kafka, settings.topic_prefix)
            await until_ready(world, port)
            async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
                late = World(settings, producer)
                await late.publish(requested("1.4.0").record)
                await late.until_told("hibari", "RolloutStarted")
    assert capfd.readouterr().err.count("waiting for Kafka") == 1


async def test_worker_that_waits_for_kafka_ends_when_asked(world: World) -> None:
    """Whoever waits for a Kafka that does not come is ended by SIGTERM as quickly as any other."""
    port = free_port()
    settings = replace(world.settings, kafka=f"127.0.0.1:{free_port()}", worker_port=port)
    with hosting(settings, "never", "rollouts") as worker:

        async def waits() -> bool:
            answer = answered(port, "/ready")
            return answer is not None and "kafka" in answer.json()["missing"]

        await world.until("it waits for Kafka", waits)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 2) == 0


async def test_no_function_is_ready_before_it_began(world: World, store: Store) -> None:
    """Whoever asks at once hears what is still missing, not that nothing is."""
    async with world.hosting(store, "timers", "partitions") as readiness:
        said = {name: check() for name, check in readiness.checks.items()}
        assert said == dict.fromkeys(("timers", "partitions"), "it has not begun yet")

        async def ready() -> bool:
            return await readiness.missing() == {}

        await world.until("both are ready", ready)


async def test_stopped_worker_leaves_its_partitions_at_once(world: World, store: Store) -> None:
    """A worker that was asked to end leaves its group: the next one need not wait for a session to run out."""
    async with world.hosting(store, "rollouts", "relay"):
        await world.publish(requested("1.4.0").record)
        await world.until_told("hibari", "RolloutStarted")
    began = time.monotonic()
    async with world.hosting(store, "rollouts", "relay"):
        await world.publish(requested("1.4.0", service="next").record)
        await world.until_told("next", "RolloutStarted")
    assert time.monotonic() - began < 5


async def test_failing_function_is_started_again(world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that ends by an error is started again, while its neighbours go on."""
    attempts = []

    async def failing(worker: Worker) -> None:
        attempts.append(worker.name)
        if len(attempts) < 3:
            raise RuntimeError("a mistake of ours")
        await worker.stopping.wait()

    monkeypatch.setattr(timers, "run", failing)
    async with world.hosting(store, "timers", "rollouts", "relay") as readiness:

        async def said() -> bool:
            return "a mistake of ours" in (await readiness.missing()).get("timers", "")

        await world.until("the mistake is told", said)
        await world.publish(requested("1.4.0").record)
        await world.until_told("hibari", "RolloutStarted")

        async def third() -> bool:
            return len(attempts) == 3

        await world.until("a third attempt", third)


async def test_unknown_function_and_taken_port_are_told(settings: Settings) -> None:
    """A name that is no function, and a port that is taken, end the process with a sentence."""
    with pytest.raises(Broken, match="no function 'rollout'; choose among rollouts"):
        await run(["rollout"], settings)
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(Broken, match=f"{port} cannot be listened on"):
        await run(["timers"], replace(settings, worker_port=port))
    listener.close()


async def test_who_was_not_the_first_writer_tries_again_without_complaint(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A function that another writer came before is started again, like one whose database was away."""
    attempts = []

    async def rivalled(worker: Worker) -> None:
        attempts.append(worker.name)
        if len(attempts) == 1:
            raise Conflict("sqlite:///segue.db: database is locked")
        await worker.stopping.wait()

    monkeypatch.setattr(timers, "run", rivalled)
    restarts = RESTARTS.labels("timers")
    before = restarts._value.get()
    async with world.hosting(store, "timers"):

        async def second() -> bool:
            return len(attempts) == 2

        await world.until("a second attempt", second)
    assert restarts._value.get() == before
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
