"""
What the gateway adds to an inference: `python -m tests.gateway.measure`.

A gateway in a process of its own and Triton with the tone model, asked in turn for 2 s of audio (PCM), and tables
published one after another. Prints latencies and the gateway's CPU time per request, idle time taken off.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaProducer

from controller.core.names import Release
from controller.gateway.endpoint import Endpoint
from controller.outside.kafka import ensure_topics
from controller.outside.triton import Triton as Control
from controller.parts.kafka import start_kafka
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.triton import start_triton
from controller.wire.codec import table_json
from tests.gateway.stage import SERVICE, SPEECH, table
from triton_models.build import build

TEXT = "x" * 40
REQUESTS = 1500
TABLES = 200
_PROGRAM = """
import uvloop
from controller import log
from controller.gateway import serve
from controller.settings import read_settings
log.configure("WARNING")
uvloop.run(serve(read_settings()))
"""


async def main() -> None:
    """Start the parts, measure, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        release = build(Path("tests/models/tone"), "1.0.0", repository=folder / "models", build_time=datetime.now(UTC))
        with start_kafka(folder / "kafka") as kafka, start_triton(folder / "triton", folder / "models") as triton:
            ensure_topics(kafka.bootstrap)
            async with Control(triton.grpc) as control:
                await control.load(release.ensemble)
            port = free_port()
            environment = {
                "SEGUE_DATA": name,
                "SEGUE_KAFKA": kafka.bootstrap,
                "SEGUE_TRITON_HTTP": triton.http,
                "SEGUE_GATEWAY_PORT": str(port),
            }
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _PROGRAM, env={**os.environ, **environment}
            )
            try:
                await _measure(f"http://{LOOPBACK}:{port}", triton.http, kafka.bootstrap, process.pid, release)
            finally:
                process.terminate()
                await process.wait()


async def _measure(url: str, triton: str, kafka: str, pid: int, release: Release) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    endpoint = Endpoint(triton)
    async with aiohttp.ClientSession() as http:
        await _publish(producer, http, url, release, 1)

        async def through() -> None:
            body = {"model": SERVICE, "input": TEXT, "response_format": "pcm"}
            async with http.post(url + SPEECH, json=body, headers={"x-segue-user": "ann"}) as answer:
                assert len(await answer.read()) == 2 * 2 * 44_100

        async def direct() -> None:
            assert len(await endpoint.infer(release.ensemble, TEXT, 1.0, 10)) == 2 * 2 * 44_100

        for _ in range(100):
            await through()
            await direct()
        took: dict[str, list[float]] = {"through the gateway": [], "straight to Triton": []}
        began_s, cpu_s = time.perf_counter(), _cpu_s(pid)
        for _ in range(REQUESTS):
            took["through the gateway"].append(await _timed(through))
            took["straight to Triton"].append(await _timed(direct))
        wall_s, cpu_s = time.perf_counter() - began_s, _cpu_s(pid) - cpu_s
        idle_s = _cpu_s(pid)
        await asyncio.sleep(10)
        idle = (_cpu_s(pid) - idle_s) / 10
        swaps = [await _publish(producer, http, url, release, 2 + number) for number in range(TABLES)]
    for what, times in {**took, "table published to seen at /ready": swaps}.items():
        print(f"{what}: p50 {_at(times, 0.5):.2f} ms, p90 {_at(times, 0.9):.2f} ms, p99 {_at(times, 0.99):.2f} ms")
    print(f"gateway: {(cpu_s - idle * wall_s) / REQUESTS * 1000:.2f} ms of CPU per request, {idle:.3f} cores when idle")
    endpoint.close()
    await producer.stop()


async def _publish(producer: Any, http: aiohttp.ClientSession, url: str, release: Release, epoch: int) -> float:
    began_s = time.perf_counter()
    value = table_json(table(epoch, stable=release))
    await producer.send_and_wait("routing.table", value, key=SERVICE.encode())
    while True:
        try:
            async with http.get(f"{url}/ready") as answer:
                if (await answer.json())["epochs"].get(SERVICE) == epoch:
                    return time.perf_counter() - began_s
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)


async def _timed(call: Callable[[], Awaitable[None]]) -> float:
    began_s = time.perf_counter()
    await call()
    return time.perf_counter() - began_s


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _at(times: Sequence[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)] * 1000


if __name__ == "__main__":
    asyncio.run(main())
