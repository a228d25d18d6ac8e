"""The release worker with two real Tritons: a release lives on those it names, or on both, and has a life on each."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from controller.core.events import ReleaseFailed, Trigger
from controller.core.names import Release
from controller.journal import Store
from controller.outside.triton import Triton
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.triton import Triton as Server
from controller.parts.triton import start_triton
from tests.consumers.test_releases import AT_ONCE, failure, kill_stages, request, tone
from tests.consumers.world import DECIDERS, World


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two running Tritons, each with a repository of its own; the worker reads the first one's."""
    folder = tmp_path_factory.mktemp("tritons")
    with ExitStack() as stack:
        a, b = (stack.enter_context(start_triton(folder / name, folder / f"models-{name}")) for name in "ab")
        yield a, b
        # A Triton that has lost a stage takes ten seconds to end by itself.
        for server in (a, b):
            server.kill()


@pytest.fixture
async def tritons(servers: tuple[Server, Server]) -> AsyncIterator[tuple[Triton, Triton]]:
    """What a test asks the two through; what is loaded is unloaded after it."""
    a, b = servers
    async with Triton(a.grpc) as one, Triton(b.grpc) as other:
        yield one, other
        for triton in (one, other):
            for ensemble in await triton.loaded():
                await triton.unload(ensemble)


@pytest.fixture
def near_both(world: World, servers: tuple[Server, Server]) -> World:
    """A Segue whose release worker uses both, probes often and drains for half a second."""
    a, b = servers
    settings = replace(
        world.settings,
        triton_grpc=f"{a.grpc},{b.grpc}",
        triton_http=f"{a.http},{b.http}",
        repository=a.repository,
        probe_every_s=0.2,
        drain_s=0.5,
        release_timeout_s=10,
    )
    return replace(world, settings=settings)


def everywhere(servers: tuple[Server, Server], version: str, params: Mapping[str, str] | None = None) -> Release:
    """Build a release into both repositories."""
    one, other = (tone(server, version, params) for server in servers)
    assert one == other
    return one


async def test_release_lives_on_the_endpoints_it_names_or_on_all(
    near_both: World, store: Store, servers: tuple[Server, Server], tritons: tuple[Triton, Triton]
) -> None:
    """One without endpoints is loaded on both, one that names an endpoint there alone; what leaves is told once."""
    first, second = everywhere(servers, "1.0.0"), everywhere(servers, "2.0.0", {"voice.frequency_hz": "330"})
    a, b = tritons
    async with near_both.hosting(store, *DECIDERS, "releases"):
        await request(near_both, first)
        await near_both.until_told("hibari", "RolloutStarted", "ReleaseReady", "RolloutPromoted", "RouteSet")
        assert await a.loaded() == await b.loaded() == {first.ensemble}
        await request(near_both, second, endpoints=[servers[1].http])
        await near_both.until_told("hibari", "GuardWindowEnded", "RouteSet", "ReleaseUnloaded")
        assert (await a.loaded(), await b.loaded()) == (set(), {second.ensemble})
    assert (await near_both.told("hibari")).count("ReleaseUnloaded") == 1


async def test_copy_that_a_former_worker_left_is_unloaded_though_the_release_lives_elsewhere(
    near_both: World, store: Store, servers: tuple[Server, Server], tritons: tuple[Triton, Triton]
) -> None:
    """The worker ends while one service's copy drains: the next one unloads it, and keeps another service's."""
    first, second = everywhere(servers, "1.0.0"), everywhere(servers, "2.0.0", {"voice.frequency_hz": "330"})
    here, there = ([server.http] for server in servers)
    a, b = tritons
    patient = replace(near_both, settings=replace(near_both.settings, drain_s=3600))
    async with patient.hosting(store, *DECIDERS, "releases"):
        await request(patient, first, endpoints=here)
        await request(patient, first, endpoints=there, service="other")
        for service in ("hibari", "other"):
            await patient.until_told(service, "RolloutPromoted", "RouteSet")
        await request(patient, second, endpoints=here)
        await patient.until_told("hibari", "GuardWindowEnded", "RouteSet")
        assert await a.loaded() == {first.ensemble, second.ensemble}
    async with near_both.hosting(store, *DECIDERS, "releases"):
        await near_both.until_told("hibari", "ReleaseUnloaded")
    assert (await a.loaded(), await b.loaded()) == ({second.ensemble}, {first.ensemble})


async def test_release_that_one_endpoint_cannot_load_has_failed(
    near_both: World, store: Store, servers: tuple[Server, Server], tritons: tuple[Triton, Triton]
) -> None:
    """A release that is new and does not come up on one of its endpoints is not served; the reason names that one."""
    half = tone(servers[0], "3.0.0")
    async with near_both.hosting(store, *DECIDERS, "releases"):
        await request(near_both, half)
        failed, ended = await failure(near_both)
    assert failed.reason.startswith(f"on {servers[1].http}: Triton at {servers[1].grpc} could not load")
    assert ended.trigger is Trigger.RELEASE_FAILED
    assert "ReleaseReady" not in await near_both.told("hibari")


async def test_endpoint_that_falls_silent_is_healed_while_the_other_speaks(
    near_both: World, store: Store, servers: tuple[Server, Server], tritons: tuple[Triton, Triton]
) -> None:
    """A stage that dies on one Triton is loaded anew there, its probe shows it, and nobody calls the release failed."""
    release = everywhere(servers, "4.0.0")

    def up(server: Server) -> float | None:
        labels = {"ensemble": release.ensemble, "release": release.version, "service": "hibari"}
        return REGISTRY.get_sample_value("segue_probe_up", labels | {"endpoint": server.http})

    async with near_both.hosting(store, *DECIDERS, "releases"):
        await request(near_both, release)
        await near_both.until_told("hibari", "RolloutPromoted", "RouteSet")
        kill_stages(servers[1])

        async def silent() -> bool:
            return up(servers[1]) == 0

        async def both() -> bool:
            return up(servers[0]) == up(servers[1]) == 1

        await near_both.until("a silent probe", silent)
        assert up(servers[0]) == 1
        await near_both.until("both speak", both)
    assert not any(isinstance(fact.event, ReleaseFailed) for fact in await near_both.facts("hibari"))


async def test_endpoint_that_nobody_configured_is_named(world: World, store: Store) -> None:
    """A release on an endpoint that the worker was not given fails without quarantine; the reason says what to set."""
    away = f"{LOOPBACK}:{free_port()}"
    settings = replace(world.settings, triton_grpc=away, triton_http="triton-a:8000", repository=world.settings.data)
    world = replace(world, settings=settings)
    never = Release("tone", "1.0.0", "tone__1_0_0", f"sha256:{'1' * 64}", 44_100, 80.0, "2026-03-01T12:00:00Z")
    async with world.hosting(store, *DECIDERS, "releases"):
        await request(world, never, AT_ONCE, endpoints=["triton-a:8000", "triton-z:8000"])
        failed, ended = await failure(world)
    assert "tone__1_0_0 is to live on triton-z:8000, which SEGUE_TRITON_HTTP does not name here" in failed.reason
    assert ended.trigger is Trigger.RELEASE_UNKNOWN
