"""
The last routing tables on disk, so that a gateway can start while Kafka is away.

One file serves all gateways of a machine, each under its router's name; it is replaced whole, never half written, and
off the event loop. A table is noted at the end of a file of the router's own before it comes into use: that survives
the process, so one that is killed right after a rollback does not come back with the table before it.
"""

import asyncio
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from controller.core.errors import Malformed
from controller.core.routing import RoutingTable
from controller.gateway.tables import Tables
from controller.wire.codec import table_from, table_json

log = logging.getLogger(__name__)

_AGAIN_S: Final = 1.0
# All tables are written each time, those of a thousand services too. What changes meanwhile is noted.
_REST: Final = 9.0
"""How many times as long as it wrote the keeper rests then: writing takes a tenth of the time at most."""
_LONGEST_REST_S: Final = 5.0


class TableFile:
    """`gateway-tables.json` in a folder, read and written for one router, and what was noted since it was written."""

    def __init__(self, folder: Path, router: str) -> None:
        self.path = folder / "gateway-tables.json"
        self._router = router
        self._notes = folder / f"gateway-tables.{quote(router, safe='')}.notes"
        self.noted = 0
        """How many tables were noted."""

    def load(self) -> tuple[RoutingTable, ...]:
        """Return the newest tables kept or noted for this router; what cannot be read is passed over, and logged."""
        newest: dict[str, RoutingTable] = {}
        for table in (*self._kept(), *self._read_notes()):
            if table.service not in newest or table.epoch > newest[table.service].epoch:
                newest[table.service] = table
        return tuple(newest.values())

    def note(self, table: RoutingTable) -> None:
        """
        Add a table that is about to come into use; it outlives this process, not this machine's power.

        A disk that refuses is logged: nobody waits for it.
        """
        self.noted += 1
        try:
            self._notes.parent.mkdir(parents=True, exist_ok=True)
            with self._notes.open("ab", buffering=0) as file:
                # A line of its own, whatever was left half written before it.
                file.write(b"\n" + table_json(table) + b"\n")
        except OSError as error:
            log.error("cannot note a routing table on disk", extra={"fault": str(error), "service": table.service})

    def forget_notes(self) -> None:
        """Begin the notes anew: `save` has all of them. Raises OSError."""
        self._notes.unlink(missing_ok=True)

    def _kept(self) -> tuple[RoutingTable, ...]:
        try:
            kept = self._content().get(self._router, [])
            return tuple(table_from(json.dumps(table).encode()) for table in kept)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, AttributeError, TypeError, Malformed) as error:
            log.error("cannot read the kept routing tables; they will come from Kafka", extra={"fault": str(error)})
            return ()

    def _read_notes(self) -> Iterator[RoutingTable]:
        try:
            lines = self._notes.read_bytes().splitlines()
        except OSError:
            return
        for line in filter(None, lines):
            with suppress(Malformed):
                yield table_from(line)

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
    """Writes the tables to disk after swaps, off the event loop: a swap never waits for a disk."""

    def __init__(self, tables: Tables, file: TableFile) -> None:
        self._tables = tables
        self._file = file
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Say that a table was swapped."""
        self._changed.set()

    async def run(self) -> None:
        """Keep what changes, until cancelled. A disk that refuses is logged, and tried again until it does not."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            noted, began_s = self._file.noted, time.perf_counter()
            try:
                await asyncio.to_thread(self._file.save, tuple(self._tables.all().values()))
                # Nothing can be noted in between: that is done in this thread.
                if self._file.noted == noted:
                    self._file.forget_notes()
            except OSError as error:
                log.error("cannot keep the routing tables on disk; trying again", extra={"fault": str(error)})
                await asyncio.sleep(_AGAIN_S)
                self._changed.set()
            else:
                await asyncio.sleep(min(_LONGEST_REST_S, _REST * (time.perf_counter() - began_s)))
