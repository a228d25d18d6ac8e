"""The release worker on a real Triton: what is wanted is loaded and heard, what is not goes, and silence is healed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tritonclient.grpc.aio import InferenceServerClient

from controller.core.errors import SegueError
from controller.core.events import ReleaseFailed, RolloutAborted, Trigger
from controller.core.names import Release
from controller.journal import Store
from controller.journal.loading import Loadings
from controller.outside.triton import Triton
from controller.parts.triton import Triton as Server
from controller.parts.triton import start_triton
from controller.wire.messages import MessageType
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import message
from triton_models import descriptor
from triton_models.build import build

TONE = Path(__file__).parents[1] / "models/tone"
AT_ONCE = {"name": "short-guard", "steps": [], "gates": [], "guard_s": 0.2, "readiness_deadline_s": 60}
STAY = {"name": "stay", "steps": [{"weight_bp": 500, "hold_s": 3600}], "gates": [], "readiness_deadline_s": 60}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running Triton with an empty repository."""
    with start_triton(tmp_path / "triton", tmp_path / "repository") as running:
        yield running


@pytest.fixture
async def triton(server: Server) -> AsyncIterator[Triton]:
    """What a test asks the server through."""
    async with Triton(server.grpc) as asking:
        yield asking


@pytest.fixture
def near_triton(world: World, server: Server) -> World:
    """A Segue whose release worker uses the server, probes often and drains for half a second."""
    settings = replace(
        world.settings,
        triton_grpc=server.grpc,
        repository=server.repository,
        probe_every_s=0.2,
        drain_s=0.5,
        release_timeout_s=10,
    )
    return replace(world, settings=settings)


def tone(server: Server, version: str, params: Mapping[str, str] | None = None) -> Release:
    """Build a release of the tone family into the server's repository."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return build(TONE, version, repository=server.repository, build_time=noon, params=params)


async def request(
    world: World,
    release: Release,
    plan: Mapping[str, object] = AT_ONCE,
    *,
    service: str = "hibari",
    id: str = "",
    endpoints: Sequence[str] = (),
) -> None:
    """Publish a rollout request."""
    data = {
        "actor": "ci",
        "reason": "nightly",
        "release": asdict(release),
        "plan": plan,
        "endpoints": list(endpoints),
    }
    named = id or f"request-{release.version}"
    await world.publish(message(MessageType.REQUESTED, named, 1_000, data, service).record)


async def router_says(world: World, kind: MessageType, *, epoch: int, **more: object) -> None:
    """Publish what a router reports of the table with this epoch."""
    data = {"router": "gateway@a", "epoch": epoch, **more}
    await world.publish(message(kind, f"{kind}-{epoch}", 1_000, data).record)


async def failure(world: World) -> tuple[ReleaseFailed, RolloutAborted]:
    """Wait for a rollout to end by its release, and return what was told of it."""

    async def aborted() -> bool:
        return "RolloutAborted" in await world.told("hibari")

    await world.until("a rollout that ends", aborted)
    events = [fact.event for fact in await world.facts("hibari")]
    (failed,) = (event for event in events if isinstance(event, ReleaseFailed))
    (ended,) = (event for event in events if isinstance(event, RolloutAborted))
    return failed, ended


async def test_wanted_is_loaded_and_unwanted_is_drained(near_triton: World, store: Store, server: Server) -> None:
    """A requested release is loaded, heard and promoted; the one before it is unloaded after guard and drain."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.frequency_hz": "330"})
    async with near_triton.hosting(store, *DECIDERS, "releases"), Triton(server.grpc) as triton:
        await request(near_triton, first)
        await near_triton.until_told("hibari", "RolloutStarted", "ReleaseReady", "RolloutPromoted", "RouteSet")
        await request(near_triton, second)
        await near_triton.until_told("hibari", "GuardWindowEnded", "RouteSet", "ReleaseUnloaded")
        assert await triton.loaded() == {second.ensemble}
        # No router reports here, so it was waited for by the clock.
        assert "SEGUE_DRAIN_S (0.5 s) was over" in (await near_triton.facts("hibari"))[-1].event.reason


async def test_release_goes_as_soon_as_nobody_hears_it(near_triton: World, store: Store, server: Server) -> None:
    """
    A release that was taken back stays while a router speaks with it, and goes right after its last utterance.

    Wanted again meanwhile, it is ready at once; and what the router says of the former time counts no more.
    """
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.frequency_hz": "330"})
    patient = replace(near_triton, settings=replace(near_triton.settings, drain_s=3600))
    async with patient.hosting(store, *DECIDERS, "releases"), Triton(server.grpc) as triton:
        await request(patient, first)
        await patient.until_told("hibari", "RolloutPromoted", "RouteSet")
        for time in (1, 2):
            await request(patient, second, STAY, id=f"second-{time}")
            await patient.until_told("hibari", "ReleaseReady", "StepStarted", "RouteSet")
            if time == 2:
                await router_says(patient, MessageType.DRAINED, epoch=3, ensemble=second.ensemble)
                # It takes another topic than requests do, and either may be decided first.
                await patient.until_told("hibari", "ReleaseDrained")
            # Going back by asking for the stable release condemns nobody, so the second may be asked for again.
            await request(patient, first, id=f"back-{time}")
            await patient.until_told("hibari", "RolloutAborted", "RouteSet")
            speaking = [first.ensemble, second.ensemble]
            await router_says(patient, MessageType.APPLIED, epoch=2 * time + 1, applied_at_ms=0, speaking=speaking)
            await patient.until_told("hibari", "RouteApplied")
            assert await triton.loaded() == {first.ensemble, second.ensemble}
        await router_says(patient, MessageType.DRAINED, epoch=5, ensemble=second.ensemble)
        await patient.until_told("hibari", "ReleaseDrained", "ReleaseUnloaded")
        assert await triton.loaded() == {first.ensemble}
    assert "nobody heard it any more" in (await patient.facts("hibari"))[-1].event.reason


async def test_release_that_spoke_and_failed_stays_while_it_may_be_heard(
    near_triton: World, store: Store, server: Server, triton: Triton
) -> None:
    """A candidate that dies for good is taken back, and stays in Triton while a router may speak with it."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.frequency_hz": "330"})
    patient = replace(near_triton, settings=replace(near_triton.settings, drain_s=3600))
    async with patient.hosting(store, *DECIDERS, "releases"):
        await request(patient, first)
        await patient.until_told("hibari", "RolloutPromoted", "RouteSet")
        await request(patient, second, STAY)
        await patient.until_told("hibari", "ReleaseReady", "StepStarted", "RouteSet")
        (stage,) = descriptor.read(server.repository, second.ensemble).stages
        # Healed once, and dead again before it was sound for a while: then it is left as it is.
        kill_stages(server, stage)
        await patient.until("it speaks again", lambda: speaks(triton, second))
        kill_stages(server, stage)
        await patient.until_told("hibari", "ReleaseFailed", "RolloutAborted", "RouteSet", "ReleaseQuarantined")
        speaking = [first.ensemble, second.ensemble]
        await router_says(patient, MessageType.APPLIED, epoch=3, applied_at_ms=0, speaking=speaking)
        await patient.until_told("hibari", "RouteApplied")
        assert await triton.loaded() == {first.ensemble, second.ensemble}


async def test_release_given_up_while_it_loads_is_not_left_behind(
    near_triton: World, store: Store, server: Server, triton: Triton
) -> None:
    """Triton loads to the end whatever was begun; nobody wants it by then, so it goes again."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.load_s": "3"})
    async with near_triton.hosting(store, *DECIDERS, "releases"):
        await request(near_triton, first)
        await near_triton.until_told("hibari", "RolloutPromoted", "RouteSet")
        await request(near_triton, second)
        await near_triton.until("its stage is loading", lambda: states(server, "LOADING"))
        await request(near_triton, first, id="back")
        await near_triton.until_told("hibari", "RolloutAborted")

        async def nothing_loads() -> bool:
            return not await states(server, "LOADING")

        await near_triton.until("the load ended", nothing_loads)

        async def gone() -> bool:
            return await triton.loaded() == {first.ensemble}

        await near_triton.until("the second is gone", gone)


async def states(server: Server, state: str) -> set[str]:
    """Name the models that Triton has in a state."""
    async with InferenceServerClient(server.grpc) as asking:
        index = await asking.get_model_repository_index()
        return {model.name for model in index.models if model.state == state}


async def test_release_that_was_never_built_is_unknown(near_triton: World, store: Store, server: Server) -> None:
    """A request for an ensemble that the repository lacks ends as unknown, and does not condemn the digest."""
    never = replace(tone(server, "1.0.0"), ensemble="tone__9_9_9")
    async with near_triton.hosting(store, *DECIDERS, "releases"):
        await request(near_triton, never)
        failed, ended = await failure(near_triton)
    assert failed.unknown
    assert ended.trigger is Trigger.RELEASE_UNKNOWN


async def test_other_digest_than_built_is_refused(near_triton: World, store: Store, server: Server) -> None:
    """A request whose digest is not that of the build fails, and the reason names both."""
    built = tone(server, "1.0.0")
    other = replace(built, digest="sha256:" + "0" * 64)
    async with near_triton.hosting(store, *DECIDERS, "releases"):
        await request(near_triton, other)
        failed, ended = await failure(near_triton)
    assert not failed.unknown
    assert built.digest in failed.reason
    assert other.digest in failed.reason
    assert ended.trigger is Trigger.RELEASE_FAILED


async def test_silent_release_fails_before_it_is_served(near_triton: World, store: Store, server: Server) -> None:
    """A release that loads and answers with silence is never given traffic."""
    async with near_triton.hosting(store, *DECIDERS, "releases"):
        await request(near_triton, tone(server, "1.0.0", {"voice.level": "0"}))
        failed, _ = await failure(near_triton)
    assert not failed.unknown
    assert "ReleaseReady" not in await near_triton.told("hibari")


async def test_dead_stage_is_healed(near_triton: World, store: Store, server: Server, triton: Triton) -> None:
    """When a stage's process dies the release is loaded anew and speaks again, and nobody calls it failed."""
    release = tone(server, "1.0.0")
    async with near_triton.hosting(store, *DECIDERS, "releases"):
        await request(near_triton, release)
        await near_triton.until_told("hibari", "RolloutPromoted", "RouteSet")
        kill_stages(server)

        assert not await speaks(triton, release)
        await near_triton.until("speech", lambda: speaks(triton, release))
    assert "ReleaseFailed" not in await near_triton.told("hibari")


async def test_absent_triton_is_no_verdict(near_triton: World, store: Store, server: Server, triton: Triton) -> None:
    """While Triton is away nothing is said against a release; back, it gets all that is wanted loaded again."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.frequency_hz": "330"})
    async with near_triton.hosting(store, *DECIDERS, "releases"):
        await request(near_triton, first)
        await near_triton.until_told("hibari", "RolloutPromoted", "RouteSet")
        server.stop()
        await request(near_triton, second, STAY)
        await near_triton.until_told("hibari", "RolloutStarted")
        server.start()
        await near_triton.until_told("hibari", "ReleaseReady", "StepStarted", "RouteSet")

        async def both() -> bool:
            return await triton.loaded() == {first.ensemble, second.ensemble}

        await near_triton.until("both are loaded again", both)
    assert "ReleaseFailed" not in await near_triton.told("hibari")


async def test_next_worker_ends_what_the_last_one_began(near_triton: World, store: Store, server: Server) -> None:
    """A release that an earlier worker loaded and did not come to unload is unloaded by the next one, and told."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.frequency_hz": "330"})
    slow = replace(near_triton, settings=replace(near_triton.settings, drain_s=3600))
    async with near_triton.hosting(store, *DECIDERS), Triton(server.grpc) as triton:
        async with slow.hosting(store, "releases"):
            await request(near_triton, first)
            await near_triton.until_told("hibari", "RolloutPromoted", "RouteSet")
            await request(near_triton, second)
            await near_triton.until_told("hibari", "GuardWindowEnded", "RouteSet")
            assert await triton.loaded() == {first.ensemble, second.ensemble}
        async with near_triton.hosting(store, "releases"):
            await near_triton.until_told("hibari", "ReleaseUnloaded")
            assert await triton.loaded() == {second.ensemble}
        assert [one.release for one in (await Loadings(store).look()).loaded] == [second]


async def test_release_on_its_way_out_is_not_called_ready(near_triton: World, store: Store, server: Server) -> None:
    """A release that is requested again while it is being unloaded is ready only once it is loaded anew."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.frequency_hz": "330"})
    async with near_triton.hosting(store, *DECIDERS, "releases"), Triton(server.grpc) as triton:
        await request(near_triton, first)
        await near_triton.until_told("hibari", "RolloutPromoted", "RouteSet")
        await request(near_triton, second, STAY)
        await near_triton.until_told("hibari", "StepStarted", "RouteSet")
        # Going back by asking for the stable release condemns nobody, so the second may be asked for again.
        await request(near_triton, first, id="back")
        await near_triton.until_told("hibari", "RolloutAborted", "RouteSet")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(near_triton.settings.drain_s + 1.5)
            await request(near_triton, second, STAY, id="again")

            async def asked_again() -> bool:
                return (await near_triton.told("hibari")).count("RolloutStarted") == 3

            await near_triton.until("the third rollout", asked_again)
            await asyncio.sleep(2.5)  # more than two sweeps
            assert (await near_triton.told("hibari"))[-1] == "RolloutStarted"
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await near_triton.until_told("hibari", "ReleaseReady", "StepStarted", "RouteSet")
        assert await triton.loaded() == {first.ensemble, second.ensemble}


async def test_service_that_asks_meanwhile_is_not_told_of_an_unloading_it_never_met(
    near_triton: World, store: Store, server: Server
) -> None:
    """A release that one service gave up and another asks for during its unloading is unloaded for the first alone."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.frequency_hz": "330"})
    async with near_triton.hosting(store, *DECIDERS, "releases"):
        for service in ("hibari", "hibari-test"):
            await request(near_triton, first, service=service)
            await near_triton.until_told(service, "RolloutPromoted", "RouteSet")
        await request(near_triton, second, STAY)
        await near_triton.until_told("hibari", "StepStarted", "RouteSet")
        await request(near_triton, first, id="back")
        await near_triton.until_told("hibari", "RolloutAborted", "RouteSet")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(near_triton.settings.drain_s + 1.5)
            await request(near_triton, second, STAY, service="hibari-test")
            await near_triton.until_told("hibari-test", "RolloutStarted")
            await asyncio.sleep(2.5)  # more than two sweeps
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await near_triton.until_told("hibari-test", "RolloutStarted", "ReleaseReady", "StepStarted", "RouteSet")
        await near_triton.until_told("hibari", "ReleaseUnloaded")


async def test_every_service_is_told_of_its_unloaded_release(near_triton: World, store: Store, server: Server) -> None:
    """A release that two services gave up at the same moment is recorded as unloaded by both."""
    shared, other = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.frequency_hz": "330"})
    services = ("hibari", "hibari-test")
    async with near_triton.hosting(store, *DECIDERS, "releases"):
        for release in (shared, other):
            for service in services:
                await request(near_triton, release, service=service)
            for service in services:
                await near_triton.until_told(service, "RolloutPromoted", "RouteSet")
        for service in services:
            await near_triton.until_told(service, "GuardWindowEnded", "RouteSet", "ReleaseUnloaded")
    assert {one.release.ensemble for one in (await Loadings(store).look()).loaded} == {other.ensemble}


async def speaks(triton: Triton, release: Release) -> bool:
    """Say whether a probe of a release succeeds."""
    try:
        await triton.probe(release.ensemble)
    except SegueError:
        return False
    return True


def kill_stages(server: Server, named: str = "") -> None:
    """Kill every Python stage, or those with this name, as the kernel does when memory is short."""
    children = Path(f"/proc/{server.pid}/task").glob("*/children")
    for pid in [int(pid) for task in children for pid in task.read_text().split()]:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"python_backend_stub" in command and named.encode() in command:
            os.kill(pid, signal.SIGKILL)
