"""A rollout that is taken back leaves a scene, and the journal says where, and by which digest it is checked."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from controller.core.events import SceneDropped, SceneKept
from controller.handle import handle
from controller.journal import Store
from controller.journal.scenes import unkept
from controller.journal.tables import rollouts
from controller.parts.ports import free_port
from controller.scene.manifest import read_manifest
from controller.scene.take import Sources, take
from controller.settings import Settings
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import SERVICE, alert, installed, rolling


def keeping(world: World, root: Path) -> World:
    """Return the same Segue where scenes are kept at once."""
    return replace(world, settings=replace(world.settings, scenes=str(root), scene_after_s=0))


async def kept(world: World) -> list[SceneKept]:
    """Return what the journal says of scenes."""
    return [fact.event for fact in await world.facts(SERVICE) if isinstance(fact.event, SceneKept)]


async def taken_back(store: Store, ago_ms: int = 0) -> None:
    """Let an alert take the second release of a service back, just now or a while ago."""
    now_ms = time.time_ns() // 1_000_000 - ago_ms
    await handle(store, [*installed(), *rolling("1.5.0", now_ms - 5_000), alert("1.5.0", now_ms)])


async def test_the_journal_refers_to_the_scene(world: World, store: Store, tmp_path: Path) -> None:
    """The fact names the folder, and the digest of the manifest that stands there."""
    mine = keeping(world, tmp_path / "scenes")
    await taken_back(store)
    async with mine.hosting(store, *DECIDERS, "scenes") as readiness:
        await mine.until_told(SERVICE, "SceneKept")
        assert "scenes" not in await readiness.missing()
    (fact,) = await kept(mine)
    manifest, digest = read_manifest(tmp_path / "scenes" / "hibari-2")
    assert (fact.rollout, fact.manifest_sha256) == ("hibari-2", digest)
    assert fact.place == str(tmp_path / "scenes" / "hibari-2")
    assert fact.size_bytes == manifest.size_bytes + len(manifest.text())
    assert fact.reason == "release 1.5.0 was taken back (alert)"
    assert manifest.release == "1.5.0"


async def test_a_scene_that_was_kept_and_not_reported_is_reported(world: World, store: Store, tmp_path: Path) -> None:
    """After a crash in between the next run reports the folder that it finds, and a second run says nothing new."""
    mine = keeping(world, tmp_path / "scenes")
    await taken_back(store)
    (one,) = await unkept(store, 0, time.time_ns() // 1_000_000)
    scene = await take(store, tmp_path / "scenes", one, Sources(60, 0))
    for _ in range(2):
        async with mine.hosting(store, *DECIDERS, "scenes") as readiness:
            await mine.until_told(SERVICE, "SceneKept")
            assert "scenes" not in await readiness.missing()
    assert [fact.manifest_sha256 for fact in await kept(mine)] == [scene.manifest_sha256]


async def test_a_rollback_of_days_ago_leaves_a_scene(world: World, store: Store, tmp_path: Path) -> None:
    """Where nobody kept scenes for a while, the first look goes back as far as any is kept."""
    mine = keeping(world, tmp_path / "scenes")
    await taken_back(store, 3 * 24 * 3_600_000)
    async with mine.hosting(store, *DECIDERS, "scenes"):
        await mine.until_told(SERVICE, "SceneKept")
    assert [fact.rollout for fact in await kept(mine)] == ["hibari-2"]


async def test_an_operator_s_token_is_sent_to_no_gateway(world: World, store: Store, tmp_path: Path) -> None:
    """Where no token of the role viewer is set, gateways that are named are not asked, and the manifest says why."""
    mine = keeping(world, tmp_path / "scenes")
    more = {"an-operator-s-token-1": "operator", "an-approver-s-token-1": "voice-quality"}
    mine = replace(mine, settings=replace(mine.settings, tokens=more, scene_gateways=f"127.0.0.1:{free_port()}"))
    await taken_back(store)
    async with mine.hosting(store, *DECIDERS, "scenes"):
        await mine.until_told(SERVICE, "SceneKept")
    missing = read_manifest(tmp_path / "scenes" / "hibari-2")[0].missing
    assert [one.why for one in missing if one.what.startswith("failed requests")] == [
        "no token of the role viewer is set here, and none that may more is sent: add one to SEGUE_TOKENS"
    ]


@pytest.mark.parametrize("why", ["its facts are gone", "its place is taken"])
async def test_a_scene_that_cannot_be_kept_keeps_no_other_from_being(
    world: World, store: Store, tmp_path: Path, why: str
) -> None:
    """Of two rollouts the older cannot have its scene, by itself or by what stands there; the later one has it."""
    mine, now_ms = keeping(world, tmp_path / "scenes"), time.time_ns() // 1_000_000
    if why == "its facts are gone":
        await taken_back(store)
        await store.write(_of_another_month)
    else:
        await handle(store, [*installed("other"), *rolling("1.5.0", now_ms - 9_000, "other")])
        await handle(store, [alert("1.5.0", now_ms - 6_000, service="other")])
        await taken_back(store)
        (tmp_path / "scenes").mkdir()
        (tmp_path / "scenes" / "other-2").write_text("in the way")
    async with mine.hosting(store, *DECIDERS, "scenes"):
        await mine.until_told(SERVICE, "SceneKept")
    assert [fact.rollout for fact in await kept(mine)] == ["hibari-2"]


def _of_another_month(connection: Connection) -> None:
    """Leave a rollout that ended before the other one, and of which the journal has nothing."""
    (row,) = connection.execute(select(rollouts).where(rollouts.c.rollout == "hibari-2")).mappings()
    connection.execute(insert(rollouts), {**row, "rollout": "hibari-0", "ended_at": row["ended_at"] - 1})


def test_a_password_is_a_secret_as_the_url_has_it_and_as_it_is() -> None:
    """In a URL a password's odd characters are written by percent, in what a database answers they are not."""
    settings = Settings(
        database_url="postgresql://segue:p%40ss%2Fword@db/segue", tokens={"a-viewer-s-token-1": "viewer"}
    )
    assert set(settings.secrets) == {"p%40ss%2Fword", "p@ss/word", "a-viewer-s-token-1"}


async def test_without_a_folder_nothing_is_kept(world: World, store: Store, tmp_path: Path) -> None:
    """It is ready all the same: who names no folder wants no scenes."""
    await taken_back(store)
    async with world.hosting(store, *DECIDERS, "scenes") as readiness:
        await world.until_told(SERVICE, "ReleaseQuarantined")
        assert "scenes" not in await readiness.missing()
    assert not (tmp_path / "scenes").exists()


async def test_what_is_older_than_it_is_kept_is_dropped_and_said_so(world: World, store: Store, tmp_path: Path) -> None:
    """The fact comes with the end of the scene, which is not made again; what is no scene stays."""
    root = tmp_path / "scenes"
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 20_000)])
    (one,) = await unkept(store, 0, 20_000)
    await take(store, root, one, Sources(60, 0))
    (root / "mine").mkdir()
    (root / ".hibari-2.begun").mkdir()
    os.utime(root / ".hibari-2.begun", (0, 0))
    mine = keeping(world, root)
    async with mine.hosting(store, *DECIDERS, "scenes"):
        await mine.until_told(SERVICE, "SceneDropped")

        async def gone() -> bool:
            return os.listdir(root) == ["mine"]

        await mine.until("only what is no scene is left", gone)
    (fact,) = [fact.event for fact in await mine.facts(SERVICE) if isinstance(fact.event, SceneDropped)]
    assert (fact.rollout, fact.place) == ("hibari-2", str(root / "hibari-2"))
    assert fact.reason == "it is older than 90 days"
