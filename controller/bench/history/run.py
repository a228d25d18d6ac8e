"""Everything in turn: fill, ask, and say what came of it. Servers are children of this process, and end with it."""

import asyncio
import json
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from controller.bench.history.asking import RUNS, asked
from controller.bench.history.figures import Figure
from controller.bench.history.filling import Size, Tell, fill_postgres, fill_sqlite, templates
from controller.bench.history.template import Template
from controller.core.errors import Broken
from controller.journal import open_store
from controller.journal.revision import NEWEST
from controller.parts.installed import local_folder
from controller.parts.postgres import Postgres, start_postgres

_DATABASE: Final = "history"
POSTGRES_MOST_MS: Final = 50.0
SQLITE_MOST_MS: Final = 200.0

_POSTGRES: Final = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "256MB",
    # It would look at tables while they are filled, and while they are asked; it is told when to look instead.
    "autovacuum": "off",
}


@dataclass(frozen=True, slots=True)
class Options:
    """facts: on PostgreSQL, of so many services; sqlite_facts: on SQLite. keep: what was filled is there next time."""

    facts: int = 10_000_000
    services: int = 1_000
    sqlite_facts: int = 1_000_000
    runs: int = RUNS
    templates: int = 12
    keep: bool = False

    @property
    def each(self) -> int:
        """Facts of a service."""
        return max(200, self.facts // self.services)

    @property
    def postgres(self) -> Size:
        """What PostgreSQL holds."""
        return Size(self.services, self.each, templates=min(self.templates, self.services))

    @property
    def sqlite(self) -> Size:
        """What SQLite holds: as much of each service, of fewer."""
        services = max(1, self.sqlite_facts // self.each)
        return Size(services, self.each, templates=min(self.templates, self.services))


QUICK: Final = Options(facts=12_000, services=20, sqlite_facts=6_000, runs=5, templates=2)
"""As much as shows that it runs; its figures say little."""


@dataclass(frozen=True, slots=True)
class Report:
    """machine: in words. figures: in the order in which they were measured."""

    machine: str
    options: Options
    figures: Sequence[Figure]

    @property
    def met(self) -> bool:
        """Whether no goal is missed."""
        return all(one.met is not False for one in self.figures)

    def told(self) -> dict[str, object]:
        """Return it as JSON values."""
        figures = [{**asdict(one), "goal": one.goal, "met": one.met} for one in self.figures]
        return {"machine": self.machine, "options": asdict(self.options), "met": self.met, "figures": figures}


def measure(options: Options, tell: Tell) -> Report:
    """Measure everything, and write it to .local/bench/history.json as well."""
    folder = local_folder() / "bench" / "history"
    folder.mkdir(parents=True, exist_ok=True)
    made = _Templates(options, tell)
    try:
        figures = [*_on_sqlite(folder, options, made, tell), *_on_postgres(folder, options, made, tell)]
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    report = Report(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}", options, figures)
    (folder.parent / "history.json").write_text(json.dumps(report.told(), indent=2) + "\n")
    return report


@dataclass(slots=True)
class _Templates:
    """Years, decided when they are needed first; all stores have the same."""

    options: Options
    tell: Tell
    made: list[Template] | None = None

    def __call__(self) -> list[Template]:
        if self.made is None:
            self.made = templates(self.options.postgres, self.tell)
        return self.made


def _on_sqlite(folder: Path, options: Options, made: _Templates, tell: Tell) -> list[Figure]:
    file = folder / "segue.db"
    if not _is_there(folder / "sqlite.json", options.sqlite):
        tell(f"filling SQLite: {options.sqlite.services} services")
        fill_sqlite(file, options.sqlite, made(), tell)
        _note(folder / "sqlite.json", options.sqlite)
    return asyncio.run(_ask(f"sqlite:///{file}", "SQLite", SQLITE_MOST_MS, options, tell))


def _on_postgres(folder: Path, options: Options, made: _Templates, tell: Tell) -> list[Figure]:
    with _cluster(folder / "postgres", keep=options.keep) as postgres:
        if not _is_there(folder / "postgres.json", options.postgres):
            with suppress(Broken):
                postgres.drop(_DATABASE)
            tell(f"filling PostgreSQL: {options.services} services")
            fill_postgres(postgres.create(_DATABASE), options.postgres, made(), tell)
            _note(folder / "postgres.json", options.postgres)
        return asyncio.run(_ask(postgres.url(_DATABASE), "PostgreSQL", POSTGRES_MOST_MS, options, tell))


async def _ask(url: str, part: str, most_ms: float, options: Options, tell: Tell) -> list[Figure]:
    store = await open_store(url)
    try:
        return await asked(store, part, most_ms, options.runs, tell)
    finally:
        await store.close()


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
