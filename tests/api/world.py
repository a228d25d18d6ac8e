"""Words of the API's tests: a running API, its tokens, and what Kafka has of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from controller.api import serve
from controller.core.errors import Malformed
from controller.settings import Settings
from controller.wire.inbound import Input, Received, read, rejected
from controller.wire.topics import Topic, topic_name

VIEWER, OPERATOR, ALERTMANAGER = "viewer-token-0123456789", "operator-token-0123456789", "alertmanager-token-01234"
LISTENER = "listener-token-0123456789"
TOKENS: Final = {VIEWER: "viewer", OPERATOR: "operator", ALERTMANAGER: "alertmanager", LISTENER: "voice-quality"}


@dataclass(frozen=True, slots=True)
class Api:
    """A running API and a client of it."""

    client: httpx.AsyncClient
    settings: Settings

    async def get(self, path: str, token: str = VIEWER) -> httpx.Response:
        """Ask as somebody with this token."""
        return await self.client.get(path, headers=bearer(token))

    async def post(
        self, path: str, body: object, token: str = OPERATOR, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send JSON, or bytes as they are, as somebody with this token."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(path, content=content, headers={**bearer(token), **(headers or {})})

    async def taken(self, topic: Topic, key: str | None) -> list[Input]:
        """Return what a consumer makes of all records with this key that Kafka has by now, oldest first."""
        name = topic_name(topic, self.settings.topic_prefix)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=20,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(name, number) for number in range(6)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            records = []
            while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
                for some in (await consumer.getmany(timeout_ms=200)).values():
                    records += some
        finally:
            await consumer.stop()
        raw = None if key is None else key.encode()
        return [
            _understood(Received(topic, one.partition, one.offset, one.key, one.value, one.headers, one.timestamp))
            for one in records
            if one.key == raw
        ]

    async def until_alive(self, serving: "asyncio.Task[None]", deadline_s: float = 10) -> None:
        """Wait until the API answers at all."""
        async with asyncio.timeout(deadline_s):
            while True:
                if serving.done():
                    serving.result()
                try:
                    assert (await self.client.get("/health")).json() == {"status": "ok"}
                    return
                except httpx.TransportError:
                    await asyncio.sleep(0.02)

    async def until_ready(self, deadline_s: float = 20) -> None:
        """Wait until Kafka and the database are there for the API."""
        async with asyncio.timeout(deadline_s):
            while True:
                if (await self.client.get("/ready")).status_code == 200:
                    return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Api]:
    """Run an API until the end of the block; it answers, but need not be ready."""
    async with AsyncExitStack() as stack:
        serving = asyncio.create_task(serve(settings))
        stack.push_async_callback(_end, serving)
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.api_port}", timeout=20)
        )
        api = Api(client, settings)
        await api.until_alive(serving)
        yield api


async def _end(serving: "asyncio.Task[None]") -> None:
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token; none for no token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def _understood(record: Received) -> Input:
    try:
        return read(record)
    except Malformed as error:
        return rejected(record, error)
