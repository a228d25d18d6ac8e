"""The story: a first voice, a good one that walks in, a bad one that takes itself back, and the proof."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from controller.core.names import Release
from controller.core.stream import History
from controller.demo.hops import trace_rollback
from controller.demo.load import Load
from controller.demo.outsider import SERVICE, Outsider
from controller.demo.report import Measured, broken_promises, latencies, measure_share, write_report
from controller.demo.show import Show
from controller.demo.texts import SAMPLE
from controller.journal import views
from controller.journal.store import open_store
from controller.outside.prometheus import FAST
from controller.replay import fingerprint, replay_kafka, replay_sql
from controller.settings import Settings
from controller.supervise.tree import Tree, start_tree
from triton_models.build import build

BAD_SHARE_BP = 3000
"""What the bad release is given; it is watched at this share before its fault is looked for."""

_GOOD_PLAN = {
    "name": "demo",
    "steps": [{"weight_bp": 500, "hold_s": 4}, {"weight_bp": 5000, "hold_s": 5}],
    "guard_s": 600,
    "gates": [],
}
_BAD_PLAN = {"name": "demo", "steps": [{"weight_bp": BAD_SHARE_BP, "hold_s": 600}], "guard_s": 600, "gates": []}


@dataclass(frozen=True, slots=True)
class Voices:
    """The three releases of the story; the bad one's vocoder gives up on utterances longer than six seconds."""

    first: Release
    good: Release
    bad: Release


@dataclass(frozen=True, slots=True)
class Taken:
    """The bad release's rollout: its name, when its end was committed, and when it began to have traffic."""

    rollout: str
    recorded_ms: float
    shared_from_ms: float


def tell(folder: Path, show: Show) -> bool:
    """
    Play the demo with everything it keeps in `folder`, and say whether every promise was kept.

    Raises SegueError or TimeoutError when it cannot go on; nothing is left running then.
    """
    begun = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    show.title("starting Kafka, Triton, Prometheus, Alertmanager and Segue")
    voices = _build(folder / "models")
    settings = Settings(
        data=folder / "segue", repository=folder / "models", drain_s=2, probe_every_s=2, observe_every_s=2
    )
    with start_tree(settings, free_ports=True, pace=FAST, told=show.member) as tree:
        measured = asyncio.run(_play(tree, voices, folder, show, begun))
    broken = broken_promises(measured)
    write_report(folder / "report.json", measured, broken)
    show.verdict(measured, broken, folder)
    return not broken


def _build(repository: Path) -> Voices:
    now = datetime.now(UTC)
    return Voices(
        first=build("hibari", "1.4.0", repository=repository, build_time=now),
        good=build("hibari", "1.5.0", repository=repository, build_time=now, params={"vocoder.brightness_db": "3"}),
        bad=build(
            "hibari",
            "1.6.0",
            repository=repository,
            build_time=now,
            params={"vocoder.pitch_semitones": "2", "vocoder.max_frames": "480"},
        ),
    )


async def _play(tree: Tree, voices: Voices, folder: Path, show: Show, begun: float) -> Measured:
    outsider = Outsider(tree)
    load = Load(tree.gateway_url, SERVICE)
    try:
        await _install(outsider, voices, show)
        async with _speaking(load, show):
            await _walk_in(outsider, voices, folder, show)
            taken = await _take_back(outsider, voices, folder, show)
            refused = await _refuse(outsider, voices, show)
        rollback = await asyncio.to_thread(
            trace_rollback, tree.kafka, "", taken.rollout, taken.recorded_ms, load.spoken, voices.bad.version
        )
        show.rollback(rollback)
        replay_kafka_equal, replay_sql_equal = await _replay(tree, show)
        facts = outsider.facts()
    finally:
        outsider.close()
    to_applied_ms, to_last_candidate_ms, fault_to_applied_s = latencies(rollback)
    last_route = [fact["event"]["arms"] for fact in facts if fact["type"] == "RouteSet"][-1]
    return Measured(
        requests=len(load.spoken),
        failed_user_requests=sum(utterance.failed for utterance in load.spoken),
        candidate_share_before=measure_share(
            load.spoken, voices.bad.version, taken.shared_from_ms, rollback.applied_ms, BAD_SHARE_BP / 10_000
        ),
        alert_received_to_applied_ms=to_applied_ms,
        alert_received_to_last_candidate_request_ms=to_last_candidate_ms,
        fault_to_applied_s=fault_to_applied_s,
        facts=len(facts),
        promoted=any(fact["type"] == "RolloutPromoted" and fact["rollout"] == f"{SERVICE}-2" for fact in facts),
        returned_to_stable=last_route[0]["release"]["version"] == voices.good.version,
        quarantine_refused=refused,
        replay_kafka_equal=replay_kafka_equal,
        replay_sql_equal=replay_sql_equal,
        wall_s=time.monotonic() - begun,
    )


async def _install(outsider: Outsider, voices: Voices, show: Show) -> None:
    show.title(f"a. the first voice: {voices.first.version}")
    outsider.request(voices.first, _GOOD_PLAN, "the first voice")
    show.happened("CI published rollout.requested with kafka-python")
    await _wait(outsider, "RolloutPromoted", 60, rollout=f"{SERVICE}-1")
    await _wait(outsider, "RouteApplied", 10, epoch=1)
    show.happened(f"{voices.first.version} is loaded, its probe spoke, it serves everybody", "green")


@asynccontextmanager
async def _speaking(load: Load, show: Show) -> AsyncIterator[None]:
    stop = asyncio.Event()
    users = asyncio.create_task(load.run(stop))
    show.happened(f"{load.users} users begin to speak, {load.rate_per_s:g} utterances a second")
    try:
        yield
    finally:
        stop.set()
        await users


async def _walk_in(outsider: Outsider, voices: Voices, folder: Path, show: Show) -> None:
    show.title(f"b. a good release: {voices.good.version} walks 5 % -> 50 % -> 100 %")
    outsider.request(voices.good, _GOOD_PLAN, "warmer voice")
    rollout = f"{SERVICE}-2"
    for step, share in enumerate(("5 %", "50 %")):
        await _wait(outsider, "StepStarted", 60, rollout=rollout, step=step)
        show.happened(f"{voices.good.version} has {share} of the traffic")
    await asyncio.to_thread(outsider.speak, SAMPLE, voices.first.version, folder / "1.4.0.wav")
    await _wait(outsider, "RolloutPromoted", 60, rollout=rollout)
    show.happened(f"{voices.good.version} is promoted; {voices.first.version} stands by in the guard window", "green")
    await asyncio.to_thread(outsider.speak, SAMPLE, voices.good.version, folder / "1.5.0.wav")


async def _take_back(outsider: Outsider, voices: Voices, folder: Path, show: Show) -> Taken:
    show.title(f"c. a bad release: the vocoder of {voices.bad.version} fails on its longest utterances")
    outsider.request(voices.bad, _BAD_PLAN, "higher voice")
    rollout = f"{SERVICE}-3"
    await _wait(outsider, "StepStarted", 60, rollout=rollout, step=0)
    epoch = (await _wait(outsider, "RouteSet", 5, rollout=rollout))["event"]["epoch"]
    applied = await _wait(outsider, "RouteApplied", 10, epoch=epoch)
    show.happened(f"{voices.bad.version} has {BAD_SHARE_BP / 100:g} % of the traffic", "yellow")
    await asyncio.to_thread(outsider.speak, SAMPLE, voices.bad.version, folder / "1.6.0.wav")
    aborted = await _wait(outsider, "RolloutAborted", 60, rollout=rollout)
    show.happened(f"taken back: {aborted['reason']}", "green")
    await _wait(outsider, "RouteApplied", 10, epoch=epoch + 1)
    recorded_ms = await asyncio.to_thread(outsider.recorded_ms, int(aborted["position"]))
    await asyncio.sleep(1)  # a second of users after it, so that the last one on the candidate is known to be the last
    return Taken(rollout, recorded_ms, applied["event"]["applied_at_ms"])


async def _refuse(outsider: Outsider, voices: Voices, show: Show) -> bool:
    show.title(f"d. {voices.bad.version} is requested again")
    outsider.request(voices.bad, _BAD_PLAN, "maybe it was bad luck")
    refused = await _wait(outsider, "RequestRefused", 10)
    show.happened(f"refused: {refused['reason']}", "green")
    return True


async def _replay(tree: Tree, show: Show) -> tuple[bool, bool]:
    show.title("e. the history alone gives the same state and table")
    store = await open_store(tree.settings.database)
    try:
        live = await views.service(store, SERVICE)
        assert live is not None
        expected = fingerprint(History(live.state, live.position, live.at_ms))
        from_kafka = fingerprint((await replay_kafka(tree.kafka))[SERVICE])
        from_sql = fingerprint((await replay_sql(store))[SERVICE])
    finally:
        await store.close()
    for source, replayed in (("Kafka", from_kafka), ("SQL", from_sql)):
        same = replayed == expected
        show.happened(
            f"replayed from {source}: {replayed.position} facts, state {replayed.state_sha256[:12]}, "
            f"table {replayed.table_sha256[:12]}: {'the same bytes' if same else 'NOT what is live'}",
            "green" if same else "bold red",
        )
    return from_kafka == expected, from_sql == expected


async def _wait(outsider: Outsider, type: str, patience_s: float, **fields: object) -> dict[str, Any]:
    # On a thread, so that the users go on speaking meanwhile.
    return await asyncio.to_thread(partial(outsider.wait_for, type, patience_s, **fields))
