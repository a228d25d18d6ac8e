"""More endpoints of one Triton: ways to it over ports of their own, that can break down while Triton stays as it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from controller.parts.ports import LOOPBACK, free_port


class Detour:
    """A port that leads to Triton. asked: inferences that went this way, by ensemble, whatever came of them."""

    def __init__(self, triton: str) -> None:
        self.address = f"{LOOPBACK}:{free_port()}"
        self.asked: dict[str, int] = {}
        self._host, _, port = triton.rpartition(":")
        self._port = int(port)
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._leading: set[asyncio.Task[None]] = set()

    async def restore(self) -> None:
        """Lead to Triton (again)."""
        self._server = await asyncio.start_server(self._lead, *self.address.split(":"))

    async def cut(self) -> None:
        """Refuse connections and end those there are, whatever they have come to."""
        assert self._server is not None
        self._server.close()
        leading = list(self._leading)
        for task in leading:
            task.cancel()
        await asyncio.gather(*leading, return_exceptions=True)
        await self._server.wait_closed()

    def stall(self) -> None:
        """Take requests and hand none of them on."""
        self._open.clear()

    def flow(self) -> None:
        """Hand on what waits, and all that comes."""
        self._open.set()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        back: asyncio.Task[None] | None = None
        own = asyncio.current_task()
        assert own is not None
        self._leading.add(own)
        try:
            there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
            ends.append(there_writer)
            back = asyncio.create_task(_pass_on(there_reader, writer))
            with suppress(ConnectionError):
                while data := await reader.read(65_536):
                    if data.startswith(b"POST /v2/models/"):
                        ensemble = data.split(b"/", 4)[3].decode()
                        self.asked[ensemble] = self.asked.get(ensemble, 0) + 1
                    await self._open.wait()
                    there_writer.write(data)
        finally:
            self._leading.discard(own)
            if back is not None:
                back.cancel()
            for end in ends:
                end.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def detours(triton: str, number: int) -> AsyncIterator[list[Detour]]:
    """Open some ways to a Triton."""
    ways = [Detour(triton) for _ in range(number)]
    for way in ways:
        await way.restore()
    try:
        yield ways
    finally:
        for way in ways:
            way.flow()
            await way.cut()
