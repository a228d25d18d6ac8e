"""A scene: what is left of a rollout that was taken back, in a folder that says of itself what it holds."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from controller.core.errors import Broken, Unavailable
from controller.handle import handle
from controller.journal import Store
from controller.journal.scenes import UNKEPT, TakenBack, unkept
from controller.journal.tables import rollouts
from controller.outside.gateways import Gateways
from controller.outside.series import Prometheus
from controller.parts.ports import free_port
from controller.scene.manifest import Amiss, amiss, read_manifest
from controller.scene.take import Scene, Sources, take
from controller.wire.codec import GENESIS_HASH, content_hash
from controller.wire.messages import MessageType
from tests.journal.messages import SERVICE, alert, installed, message, ordered, requested, rolling
from tests.journal.tampering import UNLOCKED, say
from tests.journal.test_search import Explained
from tests.wire.records import KEPT, WINDOW

SOURCES = Sources(span_s=60, after_s=10)
BACK_MS = 40_000


async def taken_back(store: Store) -> TakenBack:
    """Let an alert take the second release of a service back, and return the rollout."""
    measured = {**WINDOW, "start_ms": 20_000, "end_ms": 30_000, "readings": []}
    window = message(MessageType.WINDOW, "window-1", 30_000, measured)
    pause = ordered(MessageType.PAUSE, 41_000)
    late = requested("1.6.0", BACK_MS + 10_001)
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), window, alert("1.5.0", BACK_MS), pause, late])
    (one,) = await unkept(store, 0, BACK_MS)
    return one


def names(folder: Path) -> list[str]:
    """Return what stands in a folder."""
    return sorted(found.name for found in folder.iterdir())


def lines(scene: Scene, name: str) -> list[dict[str, object]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in (scene.place / name).read_text().splitlines()]


async def test_a_scene_says_what_was_taken_back_when_by_whom_and_why(store: Store, tmp_path: Path) -> None:
    """The manifest alone tells the end of the rollout, and which time the scene is about."""
    scene = await take(store, tmp_path, await taken_back(store), SOURCES)
    said = scene.manifest
    assert (said.service, said.rollout, said.release, said.back_to) == (SERVICE, "hibari-2", "1.5.0", "1.4.0")
    assert (said.kind, said.trigger, said.guilty) == ("abort", "alert", ())
    assert said.reason.startswith("alert SpeechErrors")
    assert (said.started_ms, said.ended_ms) == (10_000, BACK_MS)
    assert (said.from_ms, said.until_ms) == (10_000, BACK_MS + 10_000)


async def test_what_nobody_can_be_asked_for_is_missed_aloud(store: Store, tmp_path: Path) -> None:
    """Where settings name neither Prometheus nor logs, nor a token for gateways, the manifest says so."""
    scene = await take(store, tmp_path, await taken_back(store), SOURCES)
    assert [f"{one.what}: {one.why}" for one in scene.manifest.missing] == [
        "metrics: SEGUE_PROMETHEUS is empty: nobody says where they are to be had",
        "failed requests: no token of the role viewer is set here, and none that may more is sent: "
        "add one to SEGUE_TOKENS",
        "audio of probes: SEGUE_SCENE_AUDIO_MIB is 0: none is kept",
        "logs: nobody says where they are: see SEGUE_SCENE_LOGS",
    ]


async def test_neighbours_that_do_not_answer_are_missed_aloud(store: Store, tmp_path: Path) -> None:
    """A Prometheus and a gateway that are away cost a scene what they have, and nothing else."""
    away = f"127.0.0.1:{free_port()}"
    async with Prometheus(f"http://{away}") as prometheus, Gateways("a-viewer-s-token-123") as gateways:
        sources = replace(SOURCES, prometheus=prometheus, gateways=gateways, addresses=(away,))
        scene = await take(store, tmp_path, await taken_back(store), sources)
    assert [f"{one.what}: {one.why}" for one in scene.manifest.missing[:-2]] == [
        "metrics from ALERTS on: Prometheus does not answer (ConnectError)",
        f"failed requests of 1.5.0 at {away}: the gateway does not answer (ConnectError)",
        f"failed requests of 1.4.0 at {away}: the gateway does not answer (ConnectError)",
    ]
    assert [one.name for one in scene.manifest.files] == ["facts.jsonl", "windows.jsonl", "tables.json"]


async def test_a_scene_holds_the_facts_around_the_rollback(store: Store, tmp_path: Path) -> None:
    """From the rollout's first fact to shortly after its end, each with the hash that the journal has for it."""
    scene = await take(store, tmp_path, await taken_back(store), SOURCES)
    facts, windows = lines(scene, "facts.jsonl"), lines(scene, "windows.jsonl")
    assert facts[0]["type"] == "RolloutStarted"
    assert [fact["type"] for fact in facts[-5:]] == [
        "AlertMatched",
        "RolloutAborted",
        "RouteSet",
        "ReleaseQuarantined",
        "OrderRefused",
    ]
    assert scene.manifest.fact == f"{SERVICE}/{facts[-4]['position']}"
    assert [fact["type"] for fact in windows] == ["WindowMeasured"]
    before = GENESIS_HASH
    for fact in sorted([*facts, *windows], key=lambda one: int(str(one["position"]))):
        body = json.dumps(fact["event"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert before in (GENESIS_HASH, fact["prev_hash"])
        before = str(fact["hash"])
        assert before == content_hash(
            str(fact["prev_hash"]),
            str(fact["service"]),
            int(str(fact["position"])),
            int(str(fact["at_ms"])),
            str(fact["cause"]),
            str(fact["type"]),
            int(str(fact["schema"])),
            body,
        )


async def test_facts_that_are_no_longer_in_the_journal_are_missed_aloud(
    store: Store, kind: str, tmp_path: Path
) -> None:
    """Where the month in which a rollout began is detached, its scene begins with what is left, and says so."""
    one = await taken_back(store)
    await say(store, *UNLOCKED[kind], "DELETE FROM journal WHERE position < 7")
    scene = await take(store, tmp_path, one, SOURCES)
    assert lines(scene, "facts.jsonl")[0]["position"] == 7
    assert [one.why for one in scene.manifest.missing if one.what == "facts"] == [
        "those before hibari/7 are not in the journal: their month was detached"
    ]


async def test_a_rollout_without_facts_leaves_no_scene(store: Store, tmp_path: Path) -> None:
    """When all its months are detached, it is said, and not even an empty folder stays."""
    one = replace(await taken_back(store), rollout="hibari-9")
    with pytest.raises(Broken, match="the journal has no fact of hibari-9: its month was detached"):
        await take(store, tmp_path / "scenes", one, SOURCES)
    assert names(tmp_path / "scenes") == []


async def test_a_scene_holds_the_tables_before_and_after(store: Store, tmp_path: Path) -> None:
    """Byte for byte as routers got them."""
    scene = await take(store, tmp_path, await taken_back(store), SOURCES)
    held = json.loads((scene.place / "tables.json").read_text())
    weights = {
        when: {arm["release"]["version"]: arm["weight_bp"] for arm in table["arms"]} for when, table in held.items()
    }
    assert weights == {"before": {"1.4.0": 9500, "1.5.0": 500}, "after": {"1.4.0": 10_000}}
    assert held["after"]["epoch"] == held["before"]["epoch"] + 1


async def test_what_never_served_leaves_one_table(store: Store, tmp_path: Path) -> None:
    """A release that was given up before it was ready moved no traffic."""
    failed = {"ensemble": "hibari__1.5.0", "unknown": True, "reason": "there is none"}
    await handle(
        store, [*installed(), requested("1.5.0", 10_000), message(MessageType.FAILED, "failed-1", BACK_MS, failed)]
    )
    (one,) = await unkept(store, 0, BACK_MS)
    scene = await take(store, tmp_path, one, SOURCES)
    held = json.loads((scene.place / "tables.json").read_text())
    assert held["before"] == held["after"]
    assert (scene.manifest.kind, scene.manifest.trigger) == ("abort", "release_unknown")


async def test_only_what_was_taken_back_and_is_not_kept_waits_for_a_scene(store: Store) -> None:
    """Neither what runs or was promoted, nor what ended outside of the time asked for, nor what the journal knows."""
    await taken_back(store)
    assert await unkept(store, BACK_MS + 1, BACK_MS + 1_000) == await unkept(store, 0, BACK_MS - 1) == []
    await handle(store, [message(MessageType.KEPT, "kept/hibari-2", 60_000, KEPT)])
    assert await unkept(store, 0, 100_000) == []


async def test_what_waits_for_a_scene_is_found_by_when_it_ended(store: Store, kind: str) -> None:
    """The sweep comes every other second: it walks neither all rollouts nor all facts."""

    def plan(connection: Connection) -> str:
        if kind == "postgresql":
            # Of a few rows all are walked gladly; so, only where there is no other way.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        asked = connection.execute(
            Explained(UNKEPT.with_only_columns(rollouts.c.rollout)), {"since": 0, "until": BACK_MS}
        )
        return "\n".join(str(row) for row in asked)

    told = await store.read(plan)
    assert ("rollouts_ended (status=? AND ended_at>? AND ended_at<?)" if kind == "sqlite" else "rollouts_ended") in told
    assert "SCAN rollouts" not in told
    assert "SCAN journal" not in told
    assert "Seq Scan" not in told


async def test_two_makers_keep_one_scene(store: Store, tmp_path: Path) -> None:
    """Whoever is second keeps what the first kept, and leaves nothing of their own behind."""
    one = await taken_back(store)
    first, second = await asyncio.gather(*(take(store, tmp_path / "scenes", one, SOURCES) for _ in range(2)))
    assert first.manifest_sha256 == second.manifest_sha256
    assert names(tmp_path / "scenes") == ["hibari-2"]


async def test_the_scene_of_an_older_history_is_not_taken_for_this_one(store: Store, tmp_path: Path) -> None:
    """Whoever begins with an empty database has rollouts of the same names again; the old scene is not theirs."""
    one = await taken_back(store)
    old = await take(store, tmp_path, one, SOURCES)
    with pytest.raises(Broken, match="of that name that ended at 1970-01-01T00:00:40"):
        await take(store, tmp_path, replace(one, ended_at=BACK_MS + 1), SOURCES)
    assert read_manifest(old.place)[1] == old.manifest_sha256


async def test_a_scene_that_cannot_be_finished_is_none(store: Store, tmp_path: Path) -> None:
    """Where the folder's name is taken by something else, it is said, and no half scene stays."""
    one, root = await taken_back(store), tmp_path / "scenes"
    root.mkdir()
    (root / "hibari-2").write_text("in the way")
    with pytest.raises(Unavailable, match="the scene of hibari-2 cannot be kept"):
        await take(store, root, one, SOURCES)
    assert names(root) == ["hibari-2"]


async def test_what_was_changed_removed_or_added_is_named(store: Store, tmp_path: Path) -> None:
    """Every file is held against its digest; what the manifest does not know is named, too."""
    scene = await take(store, tmp_path, await taken_back(store), SOURCES)
    assert list(amiss(scene.place, scene.manifest)) == []
    facts = scene.place / "facts.jsonl"
    facts.write_text(facts.read_text().replace("nightly", "Nightly", 1))
    (scene.place / "windows.jsonl").unlink()
    (scene.place / "more.txt").write_text("more")
    found = list(amiss(scene.place, scene.manifest))
    assert [one.name for one in found] == ["facts.jsonl", "windows.jsonl", "more.txt"]
    assert "and was" in found[0].what
    assert found[1:] == [
        Amiss("windows.jsonl", "it cannot be read: No such file or directory"),
        Amiss("more.txt", "the manifest does not know it: it was added later"),
    ]


def test_a_folder_without_a_manifest_is_no_scene(tmp_path: Path) -> None:
    """The error names the folder."""
    with pytest.raises(Broken, match=f"{tmp_path} holds no scene"):
        read_manifest(tmp_path)
