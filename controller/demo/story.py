"""The story: a first voice, a good one that walks in, three bad ones that are taken back, and the proof."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from controller.core.stream import History
from controller.demo.acts import Detected, detect, refuse, take_back, wait, walk_in
from controller.demo.calm import free_cores, wait_until_calm
from controller.demo.hops import trace_rollback
from controller.demo.load import Load
from controller.demo.outsider import SERVICE, Outsider
from controller.demo.promise import Otherwise, story_of
from controller.demo.proof import prove
from controller.demo.report import Measured, broken_promises, latencies, measure_share, write_report
from controller.demo.show import Show
from controller.demo.voices import BAD_SHARE_BP, BY_EVIDENCE, BY_MEMORY, INSTALL, Voices, build_voices
from controller.journal import views
from controller.journal.store import open_store
from controller.outside.prometheus import FAST
from controller.outside.signing import make_key
from controller.replay import fingerprint, replay_kafka, replay_sql
from controller.settings import Settings
from controller.supervise.tree import Tree, start_tree


def tell(folder: Path, show: Show) -> bool:
    """
    Play the demo with everything it keeps in `folder`, and say whether every promise was kept.

    Raises SegueError, TimeoutError or whatever a client raises when it cannot go on; nothing is left running then.
    """
    wait_until_calm(show.happened)
    begun = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    show.title("starting Kafka, Triton, Prometheus, Alertmanager and Segue")
    voices = build_voices(folder / "models")
    key = folder / "checkpoints.pem"
    make_key(key)
    settings = Settings(
        data=folder / "segue",
        repository=folder / "models",
        drain_s=2,
        probe_every_s=2,
        observe_every_s=2,
        signing_key=str(key),
        checkpoint_every_s=10,
        scenes=str(folder / "scenes"),
        scene_after_s=3,
    )
    with start_tree(settings, free_ports=True, pace=FAST, told=show.member) as tree:
        try:
            measured = asyncio.run(_play(tree, voices, folder, show, begun))
        except Otherwise as came:
            told = asyncio.run(story_of(settings.database, SERVICE, came.rollout))
            show.otherwise(came, told, free_cores())
            return False
    broken = broken_promises(measured)
    write_report(folder / "report.json", measured, broken)
    show.verdict(measured, broken, folder)
    return not broken


async def _play(tree: Tree, voices: Voices, folder: Path, show: Show, begun: float) -> Measured:
    outsider = Outsider.of(tree)
    load = Load(tree.gateway_url, SERVICE)
    try:
        await _install(outsider, voices, show)
        async with _speaking(load, show):
            promotion = await walk_in(outsider, load, voices, folder, show)
            taken = await take_back(outsider, voices, folder, show)
            slow, leaking = await _by_evidence(outsider, voices, show)
            refused = await refuse(outsider, voices, show)
        rollback = await asyncio.to_thread(
            trace_rollback, tree.kafka, "", taken.rollout, taken.recorded_ms, load.spoken, voices.failing.version
        )
        show.rollback(rollback)
        replay_kafka_equal, replay_sql_equal = await _replay(tree, show)
        proven = await prove(tree, taken.rollout, folder, show)
        facts = outsider.facts()
    finally:
        outsider.close()
    to_applied_ms, to_last_candidate_ms, fault_to_applied_s = latencies(rollback)
    last_route = [fact["event"]["arms"] for fact in facts if fact["type"] == "RouteSet"][-1]
    return Measured(
        requests=len(load.spoken),
        failed_user_requests=sum(utterance.failed for utterance in load.spoken),
        candidate_share_before=measure_share(
            load.spoken, voices.failing.version, taken.shared_from_ms, rollback.applied_ms, BAD_SHARE_BP / 10_000
        ),
        alert_received_to_applied_ms=to_applied_ms,
        alert_received_to_last_candidate_request_ms=to_last_candidate_ms,
        fault_to_applied_s=fault_to_applied_s,
        facts=len(facts),
        promotion_s=promotion.promotion_s,
        clock_promotion_s=promotion.clock_s,
        mirrored=promotion.mirrored,
        heard_while_mirrored=promotion.heard,
        evidence_detection_s=slow.detection_s,
        guilty_metric=slow.guilty,
        leak_detection_s=leaking.detection_s,
        leak_guilty_metric=leaking.guilty,
        alerts_about_either=slow.alerts + leaking.alerts,
        promoted=any(fact["type"] == "RolloutPromoted" and fact["rollout"] == f"{SERVICE}-2" for fact in facts),
        returned_to_stable=last_route[0]["release"]["version"] == voices.good.version,
        quarantine_refused=refused,
        replay_kafka_equal=replay_kafka_equal,
        replay_sql_equal=replay_sql_equal,
        verified=proven.verified,
        checkpoints=proven.checkpoints,
        redecided_equal=proven.redecided,
        tampering_found=proven.tampering_found,
        wall_s=time.monotonic() - begun,
    )


async def _install(outsider: Outsider, voices: Voices, show: Show) -> None:
    show.title(f"a. the first voice: {voices.first.version}")
    outsider.request(voices.first, INSTALL, "the first voice")
    show.happened("CI published rollout.requested with kafka-python")
    version = voices.first.version
    await wait(outsider, f"{version} is loaded and serves everybody", "RolloutPromoted", 60, rollout=f"{SERVICE}-1")
    await wait(outsider, f"the gateway speaks with {version}", "RouteApplied", 10, epoch=1)
    show.happened(f"{voices.first.version} is loaded, its probe spoke, it serves everybody", "green")


async def _by_evidence(outsider: Outsider, voices: Voices, show: Show) -> tuple[Detected, Detected]:
    show.title(f"d. {voices.slow.version} answers everything, slower than stable; no alert has a rule for that little")
    slow = await detect(outsider, voices.slow, BY_EVIDENCE, f"{SERVICE}-4", "softer breath", show)
    show.title(f"e. {voices.leaking.version} forgets nothing it ever spoke; no alert looks at memory")
    leaking = await detect(outsider, voices.leaking, BY_MEMORY, f"{SERVICE}-5", "better traces", show)
    return slow, leaking


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


async def _replay(tree: Tree, show: Show) -> tuple[bool, bool]:
    show.title("g. the history alone gives the same state and table")
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
