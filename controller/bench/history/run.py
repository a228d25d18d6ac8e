"""Everything in turn: fill, ask, replay, verify. Servers are children of this process, and end with it."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, assert_never

from controller.bench.figures import Figure, Report
from controller.bench.history.asking import asked
from controller.bench.history.filling import Size, Tell, fill_postgres, fill_sqlite, templates
from controller.bench.history.memory import grown
from controller.bench.history.options import Options, Part
from controller.bench.history.sizes import sized
from controller.bench.history.speed import bare_fold, every, replayed_kafka, replayed_sql, verified
from controller.bench.history.template import Template
from controller.bench.history.topic import publish
from controller.core.errors import Broken
from controller.journal import open_store
from controller.journal.revision import NEWEST
from controller.parts.installed import local_folder
from controller.parts.kafka import start_kafka
from controller.parts.postgres import Postgres, start_postgres

POSTGRES_MOST_MS: Final = 50.0
SQLITE_MOST_MS: Final = 200.0

_POSTGRES: Final = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "256MB",
    # It would look at tables while they are filled, and while they are asked; it is told when to look instead.
    "autovacuum": "off",
}


def measure(options: Options, tell: Tell) -> Report:
    """Measure everything, and write it to .local/bench/history.json as well."""
    folder = local_folder() / "bench" / "history"
    folder.mkdir(parents=True, exist_ok=True)
    bench = _Bench(folder, options, tell)
    try:
        with _cluster(folder / "postgres", keep=options.keep) as postgres:
            figures = [figure for part in Part if part in options.parts for figure in bench.part(part, postgres)]
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if not options.judged:
        figures = [replace(one, most=None, least=None) for one in figures]
    report = Report({"options": asdict(options)}, figures)
    (folder.parent / "history.json").write_text(json.dumps(report.told(), indent=2) + "\n")
    return report


@dataclass(slots=True)
class _Bench:
    """What is measured in turn, and the years that all stores are filled with, decided when they are needed first."""

    folder: Path
    options: Options
    tell: Tell
    made: list[Template] | None = None

    def part(self, part: Part, postgres: Postgres) -> list[Figure]:
        """Measure one part."""
        match part:
            case Part.SQLITE:
                return self.sqlite()
            case Part.POSTGRESQL:
                return self.postgres(postgres)
            case Part.SPEED:
                return self.speed(postgres)
        assert_never(part)

    def sqlite(self) -> list[Figure]:
        """Ask a SQLite of its own."""
        url = self._sqlite("segue", self.options.size(self.options.sqlite_facts))
        return asyncio.run(_asked(url, "SQLite", SQLITE_MOST_MS, self.options.runs, self.tell))

    def postgres(self, postgres: Postgres) -> list[Figure]:
        """Ask the database with most facts in it, and replay it for the memory that this takes."""
        options = self.options
        url = self._postgres(postgres, "history", options.size(options.facts))
        asked = asyncio.run(_asked(url, "PostgreSQL", POSTGRES_MOST_MS, options.runs, self.tell))
        first = min(100_000, options.memory_facts // 4)
        return [*asked, *grown(url, "PostgreSQL", first, options.memory_facts, options.memory_s, self.tell)]

    def speed(self, postgres: Postgres) -> list[Figure]:
        """Replay and verify the same facts from both stores and from Kafka."""
        size = self.options.size(self.options.replayed_facts)
        sqlite, other = self._sqlite("replayed", size), self._postgres(postgres, "replayed", size)
        kafka = start_kafka(self.folder / "kafka")
        try:
            return asyncio.run(_replayed(sqlite, other, kafka.bootstrap, self.tell))
        finally:
            kafka.stop()
            shutil.rmtree(self.folder / "kafka")

    def _years(self) -> list[Template]:
        if self.made is None:
            self.made = templates(self.options.size(self.options.facts), self.tell)
        return self.made

    def _sqlite(self, name: str, size: Size) -> str:
        file, note = self.folder / f"{name}.db", self.folder / f"sqlite-{name}.json"
        if not _is_there(note, size):
            self.tell(f"filling SQLite: {size.services} services")
            fill_sqlite(file, size, self._years(), self.tell)
            _note(note, size)
        return f"sqlite:///{file}"

    def _postgres(self, postgres: Postgres, name: str, size: Size) -> str:
        note = self.folder / f"postgresql-{name}.json"
        if not _is_there(note, size):
            with suppress(Broken):
                postgres.drop(name)
            self.tell(f"filling PostgreSQL: {size.services} services")
            fill_postgres(postgres.create(name), size, self._years(), self.tell)
            _note(note, size)
        return postgres.url(name)


async def _asked(url: str, part: str, most_ms: float, runs: int, tell: Tell) -> list[Figure]:
    store = await open_store(url)
    try:
        return [*await asked(store, part, most_ms, runs, tell), *await sized(store, part)]
    finally:
        await store.close()


async def _replayed(sqlite_url: str, postgres_url: str, kafka: str, tell: Tell) -> list[Figure]:
    sqlite, postgres = await open_store(sqlite_url), await open_store(postgres_url)
    try:
        recorded = await every(sqlite)
        tell(f"publishing {len(recorded)} facts to Kafka")
        await publish(kafka, recorded)
        tell("folding")
        bare = await bare_fold(recorded)
        figures = []
        for part, store, url in (("SQLite", sqlite, sqlite_url), ("PostgreSQL", postgres, postgres_url)):
            tell(f"replaying and verifying {part}")
            figures += [*await replayed_sql(store, url, part, bare), await verified(store, part)]
        tell("replaying and verifying Kafka")
        return [
            *figures,
            *await replayed_kafka(kafka, "Kafka", bare),
            await verified(sqlite, "SQLite and Kafka", kafka),
        ]
    finally:
        await sqlite.close()
        await postgres.close()


@contextmanager
def _cluster(folder: Path, *, keep: bool) -> Iterator[Postgres]:
    postgres = start_postgres(folder, settings=_POSTGRES)
    try:
        yield postgres
    finally:
        if keep:
            postgres.stop()
        else:
            postgres.erase()


def _is_there(note: Path, size: Size) -> bool:
    """Say whether what was kept is of this size and schema."""
    return note.exists() and json.loads(note.read_text()) == _noted(size)


def _note(note: Path, size: Size) -> None:
    note.write_text(json.dumps(_noted(size)))


def _noted(size: Size) -> dict[str, object]:
    return {"schema": NEWEST, **asdict(size)}
