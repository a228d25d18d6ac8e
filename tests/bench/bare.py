"""The floor of a rollback: a POST, produce, consume, one committed INSERT, produce, consume, swap a value in memory."""

import asyncio
import time
from types import TracebackType
from typing import Self

from aiohttp import ClientSession, web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_IN, _OUT = "bare.in", "bare.out"


class BarePipeline:
    """
    A server, two hops through Kafka and one commit, with nothing decided between them; as a context it runs its loops.

    All of it in one process and thread, and the record that comes out is not read.
    """

    def __init__(self, bootstrap: str, database_url: str) -> None:
        self._bootstrap = bootstrap
        self._engine: AsyncEngine = create_async_engine(database_url)
        self._applied: dict[bytes, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        admin = KafkaAdminClient(bootstrap_servers=self._bootstrap)
        admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1) for name in (_IN, _OUT)])
        admin.close()
        async with self._engine.begin() as connection:
            if self._engine.dialect.name == "sqlite":
                await connection.execute(text("PRAGMA synchronous=FULL"))
            await connection.execute(text("CREATE TABLE bare (id TEXT PRIMARY KEY, body TEXT)"))
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", linger_ms=0)
        self._relay = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", linger_ms=0)
        self._readers = [await self._reader(topic) for topic in (_IN, _OUT)]
        await self._producer.start()
        await self._relay.start()
        self._tasks = [asyncio.create_task(self._decide()), asyncio.create_task(self._apply())]
        app = web.Application()
        app.router.add_post("/{id}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._client = ClientSession(f"http://127.0.0.1:{self._runner.addresses[0][1]}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._client.close()
        await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for reader in self._readers:
            await reader.stop()
        await self._producer.stop()
        await self._relay.stop()
        await self._engine.dispose()

    async def once_ms(self, id: str) -> float:
        """Post one message and return how long it took until it was through, milliseconds."""
        self._applied[id.encode()] = asyncio.Event()
        begun = time.perf_counter()
        async with self._client.post(f"/{id}", data=b"x" * 400) as response:
            assert response.status == web.HTTPAccepted.status_code
        await asyncio.wait_for(self._applied[id.encode()].wait(), 10)
        return (time.perf_counter() - begun) * 1000

    async def _take(self, request: web.Request) -> web.Response:
        await self._producer.send_and_wait(_IN, await request.read(), key=request.match_info["id"].encode())
        return web.Response(status=web.HTTPAccepted.status_code)

    async def _reader(self, topic: str) -> AIOKafkaConsumer:
        reader = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, fetch_max_wait_ms=100, enable_auto_commit=False)
        await reader.start()
        reader.assign([TopicPartition(topic, 0)])
        await reader.seek_to_beginning()
        return reader

    async def _decide(self) -> None:
        insert = text("INSERT INTO bare (id, body) VALUES (:id, :body)")
        async for record in self._readers[0]:
            async with self._engine.begin() as connection:
                await connection.execute(insert, {"id": record.key.decode(), "body": record.value.decode()})
            await self._relay.send_and_wait(_OUT, record.value, key=record.key)

    async def _apply(self) -> None:
        async for record in self._readers[1]:
            self._applied[record.key].set()
