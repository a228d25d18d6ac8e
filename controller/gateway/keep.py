"""
The last routing tables on disk, so that a gateway can start while Kafka is away.

One file serves all gateways of a machine, each under its router's name; it is replaced whole, never half written.
"""

import asyncio
import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.core.errors import Malformed
from controller.core.routing import RoutingTable
from controller.gateway.tables import Tables
from controller.wire.codec import table_from, table_json

log = logging.getLogger(__name__)


class TableFile:
    """`gateway-tables.json` in a folder, read and written for one router."""

    def __init__(self, folder: Path, router: str) -> None:
        self.path = folder / "gateway-tables.json"
        self._router = router

    def load(self) -> tuple[RoutingTable, ...]:
        """Return the tables kept for this router; none, with a line in the log, when the file cannot be read."""
        try:
            kept = self._content().get(self._router, [])
            return tuple(table_from(json.dumps(table).encode()) for table in kept)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, AttributeError, TypeError, Malformed) as error:
            log.error("cannot read the kept routing tables; they will come from Kafka", extra={"fault": str(error)})
            return ()

    def save(self, tables: Iterable[RoutingTable]) -> None:
        """Keep these tables for this router, on disk before it returns. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            try:
                content = self._content()
            except (FileNotFoundError, ValueError):
                content = {}
            content[self._router] = [json.loads(table_json(table)) for table in tables]
            draft = self.path.with_suffix(".draft")
            with draft.open("w") as file:
                json.dump(content, file, sort_keys=True, separators=(",", ":"))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)

    def _content(self) -> dict[str, list[object]]:
        content = json.loads(self.path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("it holds no JSON object")
        return content

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Keeper:
    """Writes the tables to disk after each swap, off the event loop: a swap never waits for a disk."""

    def __init__(self, tables: Tables, file: TableFile) -> None:
        self._tables = tables
        self._file = file
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Say that a table was swapped."""
        self._changed.set()

    async def run(self) -> None:
        """Keep what changes, until cancelled. A disk that refuses is logged; the gateway goes on without it."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await asyncio.to_thread(self._file.save, tuple(self._tables.all().values()))
            except OSError as error:
                log.error("cannot keep the routing tables on disk", extra={"fault": str(error)})
