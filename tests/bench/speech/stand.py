"""What the benches of a gateway stand on: its process, Kafka for its tables, Triton with a voice that does nothing."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import uvloop
from aiokafka import AIOKafkaProducer

from controller.core.names import Release
from controller.core.routing import RoutingTable
from controller.outside.kafka import ensure_topics
from controller.outside.triton import Triton as Control
from controller.parts.http import answers_ok
from controller.parts.installed import ROOT
from controller.parts.kafka import start_kafka
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.process import Process, Program
from controller.parts.triton import Triton, start_triton
from controller.wire.codec import table_json
from controller.wire.topics import Topic
from tests.bench.speech.line import Line, speech
from triton_models.build import build

T = TypeVar("T")

NULL: Final = ROOT / "tests" / "models" / "null"


@dataclass(frozen=True, slots=True)
class Stand:
    """gateway: its process. address: host:port of it. releases: two of the null voice, loaded."""

    kafka: str
    triton: Triton
    gateway: Process
    address: str
    releases: tuple[Release, Release]


@contextmanager
def stand(folder: Path, **settings: str) -> Iterator[Stand]:
    """Start everything in an empty folder. settings: more of the gateway's, by name."""
    with start_kafka(folder / "kafka") as kafka, start_triton(folder / "triton", folder / "models") as triton:
        ensure_topics(kafka.bootstrap)
        with stand_on(folder / "gateway", kafka.bootstrap, triton, **settings) as standing:
            yield standing


@contextmanager
def stand_on(folder: Path, kafka: str, triton: Triton, **settings: str) -> Iterator[Stand]:
    """Start a gateway on parts that run."""
    first, second = (
        build(NULL, version, repository=triton.repository, build_time=datetime.now(UTC), model=f"still-{version[0]}")
        for version in ("1.0.0", "2.0.0")
    )
    asyncio.run(_load(triton.grpc, first, second))
    port = free_port()
    own = {
        "SEGUE_DATA": str(folder),
        "SEGUE_KAFKA": kafka,
        "SEGUE_TRITON_HTTP": triton.http,
        "SEGUE_GATEWAY_PORT": str(port),
        "SEGUE_LOG_LEVEL": "CRITICAL",
        **settings,
    }
    with our_process("gateway", folder, port, ["controller.cli", "run", "gateway"], own) as gateway:
        yield Stand(kafka, triton, gateway, f"{LOOPBACK}:{port}", (first, second))


def our_process(name: str, folder: Path, port: int, module: list[str], env: Mapping[str, str] | None = None) -> Process:
    """Start a module of this project as a process that answers /ready at a port."""
    argv = [sys.executable, "-m", *module]
    program = Program(name, argv, folder, {"PYTHONPATH": str(ROOT), **(env or {})})
    return Process(program, ready=lambda: answers_ok(port, "/ready"), deadline_s=60).start()


async def _load(grpc: str, *releases: Release) -> None:
    async with Control(grpc) as control:
        for release in releases:
            await control.load(release.ensemble)


Publish = Callable[[RoutingTable], Awaitable[None]]


@asynccontextmanager
async def publishing(kafka: str) -> AsyncIterator[Publish]:
    """Give what publishes a table as the relay does."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()

    async def publish(table: RoutingTable) -> None:
        await producer.send_and_wait(Topic.TABLE.value, table_json(table), key=table.service.encode())

    try:
        yield publish
    finally:
        await producer.stop()


async def served(line: Line, table: RoutingTable) -> None:
    """Wait until the gateway serves by a table."""
    deadline = time.monotonic() + 10
    epoch = b"%d" % table.epoch
    while (await line.ask(speech(table.service, "ann"))).headers.get(b"x-segue-epoch") != epoch:
        assert time.monotonic() < deadline, f"the gateway never served by epoch {table.epoch}"
        await asyncio.sleep(0.01)


def cpu_s(*pids: int) -> float:
    """Return the CPU time that processes have taken, to the nanosecond."""
    # The kernel's own number of a process' clock; Python knows how to ask it and not how to name it.
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def group_of(leader: int) -> list[int]:
    """Return the processes of a group, such as Triton's server and its stages."""
    pids = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdecimal()]
    return [pid for pid in pids if _group(pid) == leader]


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def on_uvloop(measuring: Coroutine[Any, Any, T]) -> T:
    """Run a bench on the loop that costs the client least."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measuring)
