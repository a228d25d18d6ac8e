"""Loading, sharing, probing and healing releases, on a real Triton with the tone family."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.core.errors import Broken, Unavailable
from controller.outside.triton import Triton
from controller.parts.ports import free_ports
from controller.parts.triton import Triton as Server
from tests.triton.speech import speak
from triton_models.build import build

TONE = Path(__file__).parents[1] / "models/tone"


def tone(server: Server, version: str, params: Mapping[str, str] | None = None) -> str:
    """Build a release of the tone family into the server's repository; give its ensemble."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return build(TONE, version, repository=server.repository, build_time=noon, params=params).ensemble


def stubs(server: Server) -> list[int]:
    """The process ids of the server's Python stages."""
    children = Path(f"/proc/{server.pid}/task").glob("*/children")
    pids = [int(pid) for task in children for pid in task.read_text().split()]
    return [pid for pid in pids if b"python_backend_stub" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def kill_stages(server: Server) -> None:
    """Kill every Python stage, as the kernel does when memory is short."""
    for pid in stubs(server):
        os.kill(pid, signal.SIGKILL)


async def test_loaded_release_speaks(server: Server, triton: Triton) -> None:
    """A release that was loaded is ready, is listed, and answers a probe with the sound of its text."""
    ensemble = tone(server, "1.0.0")
    assert not await triton.ready(ensemble)
    await triton.load(ensemble)
    assert await triton.ready(ensemble)
    assert await triton.loaded() == {ensemble}
    probe = await triton.probe(ensemble, "x" * 40)
    assert probe.sound.audio_s == pytest.approx(2.0)
    assert probe.sound.peak == pytest.approx(0.5, abs=0.01)
    assert 0 < probe.latency_s < 5


async def test_loading_twice_starts_one_stage(server: Server, triton: Triton) -> None:
    """Loading what is loaded does nothing: the same process answers."""
    ensemble = tone(server, "1.0.0")
    await triton.load(ensemble)
    before = stubs(server)
    await triton.load(ensemble)
    assert stubs(server) == before
    assert len(before) == 1


async def test_unloading_one_release_leaves_the_shared_stage(server: Server, triton: Triton) -> None:
    """Two releases run one equal stage in one process; it goes with the last of them, not with the first."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0")
    await triton.load(first)
    (shared,) = stubs(server)
    await triton.load(second)
    await triton.probe(second)
    assert stubs(server) == [shared]
    await triton.unload(first)
    await triton.probe(second)
    assert stubs(server) == [shared]
    assert await triton.loaded() == {second}
    await triton.unload(second)
    assert stubs(server) == []
    assert await triton.loaded() == set()


async def test_unload_lets_the_last_request_finish(server: Server, triton: Triton) -> None:
    """A request in flight is answered in full by the release that is being unloaded, and unload waits for it."""
    ensemble = tone(server, "1.0.0", {"voice.delay_s": "1"})
    await triton.load(ensemble)
    speaking = asyncio.create_task(speak(server, ensemble, "hello"))
    await asyncio.sleep(0.3)
    await triton.unload(ensemble)
    assert speaking.done()
    assert (await speaking).sound.audio_s == pytest.approx(0.25)


async def test_unloading_what_is_not_loaded_is_quiet(server: Server, triton: Triton) -> None:
    """Unloading a release that is not loaded, or that never was, does nothing."""
    await triton.unload(tone(server, "1.0.0"))
    await triton.unload("nobody")


async def test_release_that_goes_while_it_is_asked_about_is_not_listed(server: Server, triton: Triton) -> None:
    """Another worker unloads a release between the list of what is loaded and the question what that is made of."""
    stays, goes = tone(server, "1.0.0"), tone(server, "2.0.0", {"voice.delay_s": "0.01"})
    await triton.load(stays)
    await triton.load(goes)

    class Overtaken(Triton):
        async def _ready_models(self) -> set[str]:
            listed = await super()._ready_models()
            await triton.unload(goes)
            return listed

    async with Overtaken(server.grpc) as late:
        assert await late.loaded() == {stays}


async def test_failed_load_says_why_and_leaves_nothing(server: Server, triton: Triton) -> None:
    """A release with a senseless parameter is Broken with that parameter in the text, and no stage of it runs on."""
    ensemble = tone(server, "1.0.0", {"voice.frequency_hz": "3"})
    with pytest.raises(Broken, match=r"voice\.frequency_hz is 3; give 20 to 22050"):
        await triton.load(ensemble)
    assert await triton.loaded() == set()
    assert stubs(server) == []


async def test_unknown_release_is_broken(triton: Triton) -> None:
    """A release that the repository does not hold cannot be loaded or probed, now or later."""
    with pytest.raises(Broken, match="nobody"):
        await triton.load("nobody")
    with pytest.raises(Broken, match="nobody"):
        await triton.probe("nobody")


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"voice.level": "0"}, "silent"),
        ({"voice.level": "3"}, "clipped"),
        ({"voice.max_characters": "5"}, "more than this release's 5"),
    ],
    ids=["silent", "clipped", "failing"],
)
async def test_release_that_loads_but_does_not_speak_is_found(
    server: Server, triton: Triton, params: dict[str, str], reason: str
) -> None:
    """A release that is ready but silent, clipped or failing is Broken to a probe."""
    ensemble = tone(server, "1.0.0", params)
    await triton.load(ensemble)
    assert await triton.ready(ensemble)
    with pytest.raises(Broken, match=reason):
        await triton.probe(ensemble)


async def test_slow_release_is_unavailable_in_time(server: Server, triton: Triton) -> None:
    """A probe that gets no answer in its time-out says Unavailable then, not when the release is done."""
    ensemble = tone(server, "1.0.0", {"voice.delay_s": "2"})
    await triton.load(ensemble)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await triton.probe(ensemble, timeout_s=0.3)
    assert time.monotonic() - began < 1


async def test_dead_stage_is_found_by_a_probe_alone_and_healed(server: Server, triton: Triton) -> None:
    """A release whose stage died is still called ready; a probe says Broken, and a reload heals it."""
    ensemble = tone(server, "1.0.0")
    await triton.load(ensemble)
    kill_stages(server)
    with pytest.raises(Broken, match="not healthy"):
        await triton.probe(ensemble)
    assert await triton.ready(ensemble)
    await triton.reload(ensemble)
    await triton.probe(ensemble)


async def test_dead_shared_stage_needs_a_shared_reload(server: Server, triton: Triton) -> None:
    """A plain reload leaves a shared stage alone, dead or not; a shared one heals both releases that use it."""
    first, second = tone(server, "1.0.0"), tone(server, "2.0.0")
    await triton.load(first)
    await triton.load(second)
    kill_stages(server)
    await triton.reload(first)
    with pytest.raises(Broken, match="not healthy"):
        await triton.probe(first)
    await triton.reload(first, shared=True)
    await triton.probe(first)
    await triton.probe(second)
    assert await triton.loaded() == {first, second}


async def test_unload_of_a_dead_stage_is_bounded(server: Server) -> None:
    """Triton never ends unloading a dead stage; the release is gone all the same, and unload says so in its time."""
    ensemble = tone(server, "1.0.0", {"voice.frequency_hz": "333"})
    async with Triton(server.grpc, unload_timeout_s=1) as triton:
        await triton.load(ensemble)
        kill_stages(server)
        with pytest.raises(Broken):
            await triton.probe(ensemble)
        with pytest.raises(Unavailable, match=r"still unloading voice__\w+ after 1 s"):
            await triton.unload(ensemble)
        assert await triton.loaded() == set()
        await triton.unload(ensemble)


async def test_server_that_is_away_is_unavailable() -> None:
    """Where no Triton answers, every question is Unavailable: it may be back the next time."""
    (port,) = free_ports(1)
    async with Triton(f"127.0.0.1:{port}") as nobody:
        with pytest.raises(Unavailable):
            await nobody.load("tone")
        with pytest.raises(Unavailable):
            await nobody.loaded()
        with pytest.raises(Unavailable):
            await nobody.probe("tone")
