"""A release on several endpoints: who is asked, who is left alone, and what users notice of it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from controller.core.names import Release
from controller.core.routing import Arm, Role
from controller.gateway.endpoint import Endpoint
from controller.gateway.engine import EngineAway, ModelFailed, ModelTimedOut, NotLoaded, ReleaseFault
from controller.gateway.health import EjectRules
from controller.gateway.triton import Ejected, Readmitted, TritonEngine
from controller.parts.triton import Triton
from tests.gateway.detour import Detour, detours
from tests.gateway.stage import SERVICE, SPEECH, Tones, gateway, table, until

RULES = EjectRules(after=3, first_s=0.05, most_s=0.2)
NEVER = EjectRules(after=3, first_s=3600, most_s=3600)


@asynccontextmanager
async def on(ways: Iterable[Detour], rules: EjectRules = RULES) -> AsyncIterator[TritonEngine]:
    """Speak by these ways."""
    engine = TritonEngine(",".join(way.address for way in ways), rules)
    yield engine
    engine.close()


class Told:
    """Notes what it is told."""

    def __init__(self, wanted: bool = True) -> None:
        self.changes: list[Ejected | Readmitted] = []
        self.asked = 0
        self._wanted = wanted

    def changed(self, change: Ejected | Readmitted) -> None:
        """Note it."""
        self.changes.append(change)

    def wanted(self, endpoint: str, ensemble: str) -> bool:
        """Say what the test wants."""
        self.asked += 1
        return self._wanted


def arm(release: Release, *endpoints: str) -> Arm:
    return Arm(Role.STABLE, release, 10_000, endpoints)


async def fail(engine: TritonEngine, arm: Arm, times: int, timeout_s: float = 5) -> list[type[ReleaseFault]]:
    faults = []
    for _ in range(times):
        with pytest.raises(ReleaseFault) as caught:
            await engine.infer(arm, "Hi.", 1.0, timeout_s)
        faults.append(type(caught.value))
    return faults


async def test_equal_endpoints_take_turns(triton: Triton, tones: Tones) -> None:
    """While none has more to do than the others, each is asked as often, and the answer says which it was."""
    async with detours(triton.http, 3) as ways, on(ways) as engine:
        heard = [(await engine.infer(arm(tones["good"]), "Hi.", 1.0, 5)).endpoint for _ in range(9)]
        assert sorted(heard) == sorted([way.address for way in ways] * 3)
        assert [sum(way.asked.values()) for way in ways] == [3, 3, 3]


async def test_whoever_has_less_to_do_is_asked(triton: Triton, tones: Tones) -> None:
    """An endpoint that still works at a text gets no other one meanwhile."""
    async with detours(triton.http, 2) as ways, on(ways) as engine:
        busy = ways[0]
        busy.stall()
        slow = asyncio.create_task(engine.infer(arm(tones["good"], busy.address), "A long text.", 1.0, 5))
        await until(lambda: bool(busy.asked))
        heard = {(await engine.infer(arm(tones["good"]), "Hi.", 1.0, 5)).endpoint for _ in range(6)}
        assert heard == {ways[1].address}
        busy.flow()
        assert (await slow).endpoint == busy.address


async def test_name_that_no_server_can_have_is_an_endpoint_that_is_away() -> None:
    """Its users hear another release, as where nobody answers."""
    with pytest.raises(EngineAway):
        await Endpoint("a..b:8000").infer("hibari__1", "Hello.", 1.0, 1.0)


async def test_arm_that_names_endpoints_lives_there(triton: Triton, tones: Tones) -> None:
    """A release with endpoints of its own is asked nowhere else."""
    async with detours(triton.http, 2) as (shared, own), on([shared]) as engine:
        assert (await engine.infer(arm(tones["good"], own.address), "Hi.", 1.0, 5)).endpoint == own.address
        assert not shared.asked


async def test_one_dead_endpoint_costs_no_user(triton: Triton, tones: Tones) -> None:
    """What one endpoint refuses another answers; soon it is not asked any more, and once it answers a probe, again."""
    async with detours(triton.http, 2) as (dead, alive), on([dead, alive]) as engine:
        told = Told()
        engine.watch(told)
        await dead.cut()
        async with gateway(engine, table(1, stable=tones["good"])) as gate:
            answers = await asyncio.gather(*(gate.say() for _ in range(20)))
            assert {answer.status for answer, _ in answers} == {200}
            assert gate.count("segue_requests_total", release="1.0.0-good", arm="stable", outcome="error") == 0
            await until(lambda: sum(isinstance(change, Ejected) for change in told.changes) >= 3)
            first = told.changes[0]
            assert isinstance(first, Ejected)
            assert (first.endpoint, first.failures, first.probed) == (dead.address, 3, False)
            assert isinstance(first.fault, EngineAway)
            await dead.restore()
            await until(lambda: isinstance(told.changes[-1], Readmitted))
            probes = sum(dead.asked.values())
            for _ in range(4):
                await gate.say()
            assert sum(dead.asked.values()) == probes + 2


async def test_ejection_is_of_a_release_not_of_a_server(triton: Triton, tones: Tones) -> None:
    """A shared Triton on which the candidate is dead speaks for stable as before."""
    async with detours(triton.http, 1) as (way,), on([way], NEVER) as engine:
        candidate, stable = arm(tones["failing"]), arm(tones["good"])
        assert await fail(engine, candidate, 3) == [ModelFailed] * 3
        assert engine.gone(candidate)
        assert not engine.gone(stable)
        assert (await engine.infer(stable, "Hi.", 1.0, 5)).endpoint == way.address


@pytest.mark.parametrize("fault", [EngineAway, ModelTimedOut, NotLoaded, ModelFailed])
async def test_every_way_to_fail_ejects(triton: Triton, tones: Tones, fault: type[ReleaseFault]) -> None:
    """Nobody there, no answer in time, not loaded, an error: three in a row of any, and the endpoint is left alone."""
    releases = {
        ModelFailed: tones["failing"],
        NotLoaded: replace(tones["good"], ensemble="tone__absent"),
    }
    async with detours(triton.http, 1) as (way,), on([way], NEVER) as engine:
        if fault is EngineAway:
            await way.cut()
        if fault is ModelTimedOut:
            way.stall()
        failing = arm(releases.get(fault, tones["good"]))
        assert await fail(engine, failing, 2, timeout_s=0.2) == [fault] * 2
        assert not engine.gone(failing)
        assert await fail(engine, failing, 1, timeout_s=0.2) == [fault]
        assert engine.gone(failing)
        if fault is EngineAway:
            await way.restore()


async def test_timed_out_request_is_not_sent_again(triton: Triton, tones: Tones) -> None:
    """Whoever waited the whole time for one endpoint does not wait it again for another."""
    async with detours(triton.http, 2) as ways, on(ways) as engine:
        for way in ways:
            way.stall()
        assert await fail(engine, arm(tones["good"]), 1, timeout_s=0.2) == [ModelTimedOut]
        assert sum(sum(way.asked.values()) for way in ways) == 1


async def test_callers_who_leave_eject_nobody(triton: Triton, tones: Tones) -> None:
    """However many callers lose patience, that is no failure of the endpoint."""
    async with detours(triton.http, 1) as (way,), on([way]) as engine:
        served = table(1, stable=tones["good"], candidate=tones["slow"], weight_bp=10_000)
        async with gateway(engine, served) as gate:
            body = {"model": SERVICE, "input": "One sentence. " * 20}
            impatient = aiohttp.ClientTimeout(total=0.1)
            for _ in range(6):
                with pytest.raises(TimeoutError):
                    await gate.http.post(SPEECH, json=body, timeout=impatient)
            await until(lambda: gate.count("segue_user_requests_total", code="499") == 6)
        assert way.asked[tones["slow"].ensemble] == 6
        assert not engine.gone(arm(tones["slow"]))


async def test_users_of_a_candidate_that_is_gone_hear_stable_at_once(triton: Triton, tones: Tones) -> None:
    """With no endpoint left, a stalled candidate costs its users no wait, and counts as failed for each of them."""
    async with detours(triton.http, 2) as (own, shared), on([shared], NEVER) as engine:
        own.stall()
        dead = table(1, stable=tones["good"], candidate=tones["other"], weight_bp=10_000)
        dead = replace(dead, arms=(dead.arms[0], replace(dead.arms[1], endpoints=(own.address,))))
        async with gateway(engine, dead, timeout_s=1) as gate:
            for _ in range(3):
                await gate.say()
            # Their users heard stable before its time was up.
            await until(lambda: engine.gone(dead.arms[1]))
            asked = sum(own.asked.values())
            answers = await asyncio.gather(*(gate.say() for _ in range(10)))
            assert {answer.headers["x-segue-arm"] for answer, _ in answers} == {"stable"}
            assert {answer.headers["x-segue-failed-over-from"] for answer, _ in answers} == {"1.0.0-other"}
            assert sum(own.asked.values()) == asked
            labels = {"release": "1.0.0-other", "arm": "candidate", "segment": "", "endpoint": own.address}
            assert gate.count("segue_root_requests_total", outcome="failed", **labels) == 13
            assert gate.count("segue_failovers_total", release="1.0.0-other", why="late") == 3
            assert gate.count("segue_failovers_total", release="1.0.0-other", why="none_left") == 10
            forced, _ = await gate.say(headers={"x-segue-release": "candidate"})
            assert forced.status == 504


async def test_stable_that_is_gone_is_asked_all_the_same(triton: Triton, tones: Tones) -> None:
    """With nobody to answer instead, a request is tried rather than refused, and counts again once it works."""
    async with detours(triton.http, 1) as (way,), on([way], NEVER) as engine:
        await way.cut()
        async with gateway(engine, table(1, stable=tones["good"])) as gate:
            assert [(await gate.say())[0].status for _ in range(4)] == [503] * 4
            assert engine.gone(arm(tones["good"]))
            await way.restore()
            assert (await gate.say())[0].status == 200


async def test_former_stable_answers_for_a_fresh_one_that_is_gone(triton: Triton, tones: Tones) -> None:
    """Inside the guard window the former stable takes over at once, too."""
    guarded = table(1, stable=tones["failing"], previous=tones["good"])
    async with detours(triton.http, 1) as (way,), on([way], NEVER) as engine, gateway(engine, guarded) as gate:
        heard = [(await gate.say())[0].headers["x-segue-arm"] for _ in range(6)]
        assert heard == ["previous"] * 6
        assert way.asked[tones["failing"].ensemble] == 3


async def test_probing_ends_with_the_release(triton: Triton, tones: Tones) -> None:
    """An endpoint that no table names any more for a release is forgotten."""
    async with detours(triton.http, 1) as (way,), on([way]) as engine:
        told = Told(wanted=False)
        engine.watch(told)
        await fail(engine, arm(tones["failing"]), 3)
        await until(lambda: told.asked > 0)
        await until(lambda: not engine.gone(arm(tones["failing"])))
        assert way.asked[tones["failing"].ensemble] == 3


async def test_probe_wants_to_hear_something(triton: Triton, tones: Tones) -> None:
    """A release that answers with silence is not readmitted: an answer alone is no speech."""
    async with detours(triton.http, 1) as (way,), on([way]) as engine:
        told = Told()
        engine.watch(told)
        await way.cut()
        await fail(engine, arm(tones["silent"]), 3)
        await way.restore()
        await until(lambda: way.asked.get(tones["silent"].ensemble, 0) >= 2)
        latest = told.changes[-1]
        assert isinstance(latest, Ejected)
        assert latest.probed
        assert isinstance(latest.fault, ModelFailed)
