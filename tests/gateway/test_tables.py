"""Tables: swapped for newer ones only, and kept over a restart."""

import asyncio
import time
from pathlib import Path

import pytest

from controller.core.names import Release
from controller.gateway.follow import Follower
from controller.gateway.keep import Keeper, TableFile
from controller.gateway.metrics import Metrics
from controller.gateway.tables import Tables
from tests.gateway.stage import SERVICE, table

V1 = Release("tone", "1.0.0", "tone__v1", "sha256:1", 44_100, 20.0, "2026-01-01T00:00:00+00:00")
V2 = Release("tone", "2.0.0", "tone__v2", "sha256:2", 44_100, 20.0, "2026-02-01T00:00:00+00:00")


def refused(metrics: Metrics) -> float:
    """Return how many tables were refused."""
    return metrics.registry.get_sample_value("segue_routing_tables_refused_total", {"service": SERVICE}) or 0


def notes(folder: Path) -> list[Path]:
    """Return the files of what is noted and not yet kept."""
    return list(folder.glob("*.notes"))


def test_only_a_newer_epoch_is_used() -> None:
    """A newer table replaces the old one whole; an older one is refused and counted."""
    metrics = Metrics()
    tables = Tables(metrics)
    new = table(2, stable=V2)
    assert tables.offer(table(1, stable=V1))
    assert tables.offer(new)
    assert not tables.offer(table(1, stable=V1))
    assert tables.get(SERVICE) is new
    assert refused(metrics) == 1
    assert metrics.registry.get_sample_value("segue_routing_epoch", {"service": SERVICE}) == 2


def test_same_table_again_is_quiet() -> None:
    """A table read twice is no news and no refusal; another one of the same epoch is refused."""
    metrics = Metrics()
    tables = Tables(metrics, [table(2, stable=V2)])
    assert not tables.offer(table(2, stable=V2))
    assert refused(metrics) == 0
    assert not tables.offer(table(2, stable=V1))
    assert refused(metrics) == 1


def test_tables_survive_a_restart(tmp_path: Path) -> None:
    """What one gateway kept is what it loads."""
    kept = (table(7, stable=V1, candidate=V2, weight_bp=500),)
    TableFile(tmp_path / "new folder", "a").save(kept)
    assert TableFile(tmp_path / "new folder", "a").load() == kept


def test_a_table_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    """A gateway that is killed right after a swap starts with that table, not with the one that was kept before."""
    file = TableFile(tmp_path, "gateway@a/b")
    file.save([table(1, stable=V1, candidate=V2, weight_bp=500)])
    Tables(Metrics(), file.load(), file.note).offer(table(2, stable=V1))
    assert TableFile(tmp_path, "gateway@a/b").load() == (table(2, stable=V1),)
    assert TableFile(tmp_path, "another").load() == ()


def test_a_note_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    """What stands before and after half a line is read."""
    file = TableFile(tmp_path, "a")
    file.note(table(1, stable=V1))
    (notes,) = tmp_path.iterdir()
    notes.write_bytes(notes.read_bytes() + b'{"service": "to')
    file.note(table(2, stable=V2))
    assert file.load() == (table(2, stable=V2),)


def test_a_clock_that_is_set_back_keeps_no_gateway_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Kafka a gateway is ready with the tables on disk two seconds after its start, whatever the hour."""
    follower = Follower("nowhere:9092", "", Tables(Metrics(), [table(1, stable=V1)]), lambda _table, _at_ms: None)
    assert not follower.ready
    wall_s, monotonic_s = time.time() - 3600, time.monotonic() + 3
    monkeypatch.setattr(time, "time", lambda: wall_s)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic_s)
    assert follower.ready
    assert 3 <= follower.age_s() < 4


async def test_a_disk_that_refused_is_tried_again(tmp_path: Path) -> None:
    """What could not be kept is kept as soon as it can be, without another swap; then nothing is noted any more."""
    folder = tmp_path / "away"
    folder.touch()
    file = TableFile(folder, "a")
    tables = Tables(Metrics(), (), file.note)
    keeper = Keeper(tables, file)
    tables.offer(table(1, stable=V1))
    keeper.changed()
    keeping = asyncio.create_task(keeper.run())
    await asyncio.sleep(0.1)
    folder.unlink()
    async with asyncio.timeout(5):
        while not TableFile(folder, "a").load():  # noqa: ASYNC110  # a file tells nobody
            await asyncio.sleep(0.05)
    keeping.cancel()
    assert TableFile(folder, "a").load() == (table(1, stable=V1),)


async def test_notes_end_when_all_is_kept(tmp_path: Path) -> None:
    """Once the tables are in the file, what was noted of them is gone."""
    file = TableFile(tmp_path, "a")
    tables = Tables(Metrics(), (), file.note)
    keeper = Keeper(tables, file)
    tables.offer(table(1, stable=V1))
    assert len(notes(tmp_path)) == 1
    keeper.changed()
    keeping = asyncio.create_task(keeper.run())
    async with asyncio.timeout(5):
        while notes(tmp_path):  # noqa: ASYNC110  # likewise
            await asyncio.sleep(0.05)
    keeping.cancel()
    assert file.load() == (table(1, stable=V1),)


def test_gateways_of_one_machine_share_the_file(tmp_path: Path) -> None:
    """Two routers keep tables of their own in one file."""
    first, second = TableFile(tmp_path, "a"), TableFile(tmp_path, "b")
    first.save([table(1, stable=V1)])
    second.save([table(2, stable=V2)])
    assert first.load() == (table(1, stable=V1),)
    assert second.load() == (table(2, stable=V2),)


def test_no_file_means_no_tables(tmp_path: Path) -> None:
    """The first start has nothing to load."""
    assert TableFile(tmp_path, "a").load() == ()


def test_broken_file_is_passed_over_and_replaced(tmp_path: Path) -> None:
    """A file that cannot be read costs no start, and the next swap writes it anew."""
    file = TableFile(tmp_path, "a")
    for content in ("", "{", "[]", '{"a": 7}', '{"a": [{"service": "tone"}]}', "\0" * 10):
        file.path.write_text(content)
        assert file.load() == ()
        file.save([table(1, stable=V1)])
        assert file.load() == (table(1, stable=V1),)
