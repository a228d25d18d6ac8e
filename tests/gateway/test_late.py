"""A candidate that is late or overrun: how long its users wait, whom they hear, and what is counted of it."""

import asyncio
import time
from collections import Counter
from dataclasses import replace

import aiohttp
import pytest

from controller.core.names import Release
from controller.core.routing import Arm, RoutingTable
from controller.core.sequential import bucket_of
from controller.gateway.admission import Limits
from controller.gateway.engine import ModelFailed, Spoken
from controller.gateway.triton import TritonEngine
from controller.parts.triton import Triton
from tests.gateway.detour import detours
from tests.gateway.stage import SERVICE, SPEECH, Gateway, Tones, gateway, table, until
from tests.gateway.test_evidence import counted, roots
from tests.gateway.test_streaming import PAGE

LATE_S = 0.05
ONE = Limits(concurrent=1, waiting=3)
NAMED = {"x-segue-release": "candidate"}


class Held:
    """An engine that makes some releases say nothing, whatever the time-out, until each is let go or made to fail."""

    def __init__(self, engine: TritonEngine, *releases: Release) -> None:
        self._engine = engine
        self._gates = {release.ensemble: asyncio.Event() for release in releases}
        self._failing: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.endpoints = engine.endpoints
        self.gone = engine.gone

    def let_go(self, release: Release) -> None:
        """Let it speak from now on."""
        self._gates[release.ensemble].set()

    def fail(self, release: Release) -> None:
        """Let it fail from now on."""
        self._failing.add(release.ensemble)
        self.let_go(release)

    async def infer(self, arm: Arm, text: str, speed: float, timeout_s: float) -> Spoken:
        """Speak, but not yet."""
        ensemble = arm.release.ensemble
        self.asked[ensemble] += 1
        if ensemble in self._gates:
            await self._gates[ensemble].wait()
        if ensemble in self._failing:
            raise ModelFailed("held, and broken")
        return await self._engine.infer(arm, text, speed, timeout_s)


def all_to_other(tones: Tones) -> RoutingTable:
    """A table by which the candidate, the tone "other", serves everybody."""
    return table(1, stable=tones["good"], candidate=tones["other"], weight_bp=10_000)


def failovers(gate: Gateway) -> dict[str, float]:
    """Return from the candidate to stable, by why."""
    found = counted(gate.metrics, "segue_failovers_total", "service", "release", "why")
    assert {release for _, release, _ in found} <= {"1.0.0-other"}
    return {why: count for (_, _, why), count in found.items() if count}


def hedges(gate: Gateway) -> float:
    """Return how often stable was asked beside the candidate."""
    return gate.count("segue_hedges_total", release="1.0.0-other")


async def inside(gate: Gateway, release: Release) -> None:
    """Wait until one utterance is at work on a release."""
    await until(lambda: gate.count("segue_inflight", release=release.version) == 1)


async def test_user_of_a_late_candidate_hears_stable(engine: TritonEngine, tones: Tones) -> None:
    """Stable is asked beside a candidate that says nothing; what that one says later is measured, and not heard."""
    held = Held(engine, tones["other"])
    async with gateway(held, all_to_other(tones), late_s=LATE_S) as gate:
        answer, body = await gate.say()
        assert (answer.status, answer.headers["x-segue-arm"]) == (200, "stable")
        assert answer.headers["x-segue-failed-over-from"] == "1.0.0-other"
        assert len(body) > 10_000
        assert (failovers(gate), hedges(gate), roots(gate)) == ({"late": 1}, 1, {})
        assert gate.count("segue_inflight", release="1.0.0-other") == 1
        held.let_go(tones["other"])
        await until(lambda: roots(gate).get(("1.0.0-other", "candidate", "ok")) == 1)
        found = counted(gate.metrics, "segue_measured_total", "release", "measure", "bucket")
        assert all(release == "1.0.0-other" for release, _, _ in found)
        first = min(int(bucket) for _, measure, bucket in found if measure == "ttfa")
        assert first >= bucket_of(LATE_S)
        await until(lambda: gate.count("segue_inflight", release="1.0.0-other") == 0)
        assert gate.count("segue_user_requests_total", code="200") == 1
        assert gate.count("segue_requests_total", release="1.0.0-good", arm="stable", outcome="ok") == 1


async def test_candidate_that_speaks_first_is_heard(engine: TritonEngine, tones: Tones) -> None:
    """A candidate that was late and is sooner all the same keeps its user; of stable nothing is counted."""
    held = Held(engine, tones["other"], tones["good"])
    async with gateway(held, all_to_other(tones), late_s=LATE_S) as gate:
        speaking = asyncio.create_task(gate.say())
        await inside(gate, tones["good"])
        held.let_go(tones["other"])
        answer, _ = await speaking
        assert answer.headers["x-segue-arm"] == "candidate"
        assert "x-segue-failed-over-from" not in answer.headers
        assert (failovers(gate), hedges(gate)) == ({}, 1)
        await until(lambda: gate.count("segue_inflight", release="1.0.0-good") == 0)
        labels = {"release": "1.0.0-good", "arm": "stable"}
        assert gate.count("segue_request_seconds_count", **labels) == 0
        assert gate.count("segue_requests_total", outcome="ok", **labels) == 0
        assert {key: count for key, count in roots(gate).items() if count} == {("1.0.0-other", "candidate", "ok"): 1}


async def test_late_candidate_is_judged_by_its_own_clock(engine: TritonEngine, triton: Triton, tones: Tones) -> None:
    """One that never answers is a time-out when its time is up, and ejected in the end, though nobody waits for it."""
    async with detours(triton.http, 1) as (way,):
        way.stall()
        served = all_to_other(tones)
        stable, candidate = served.arms
        served = replace(served, arms=(stable, replace(candidate, endpoints=(way.address,))))
        async with gateway(engine, served, timeout_s=0.4, late_s=LATE_S) as gate:
            answers = await asyncio.gather(*(gate.say() for _ in range(5)))
            assert {answer.headers["x-segue-arm"] for answer, _ in answers} == {"stable"}
            labels = {"release": "1.0.0-other", "arm": "candidate", "outcome": "timeout"}
            assert gate.count("segue_requests_total", **labels) == 0
            await until(lambda: gate.count("segue_requests_total", **labels) == 5)
            assert roots(gate)["1.0.0-other", "candidate", "failed"] == 5
            kept = (await gate.failures("1.0.0-other"))[1]["failures"]
            assert [(one["why"], one["status"]) for one in kept] == [("timed_out", 0)] * 5
            await gate.say()
            assert failovers(gate) == {"late": 5, "none_left": 1}


async def test_wait_in_line_is_part_of_the_time_out(engine: TritonEngine, triton: Triton, tones: Tones) -> None:
    """Whoever got a place late, and hears nothing then, hears stable before the candidate's own time is up."""
    async with detours(triton.http, 1) as (way,):
        served = all_to_other(tones)
        stable, candidate = served.arms
        served = replace(served, arms=(stable, replace(candidate, endpoints=(way.address,))))
        way.stall()
        async with gateway(engine, served, timeout_s=0.6, late_s=0.6, limits=ONE) as gate:
            first = asyncio.create_task(gate.say(headers=NAMED))
            await inside(gate, tones["other"])
            await asyncio.sleep(0.3)
            answer, _ = await gate.say()
            assert (await first)[0].status == 504
            assert answer.headers["x-segue-arm"] == "stable"
            labels = {"release": "1.0.0-other", "arm": "candidate", "outcome": "timeout"}
            assert gate.count("segue_requests_total", **labels) == 0
            assert failovers(gate) == {"late": 1}
            await until(lambda: gate.count("segue_requests_total", **labels) == 1)


async def test_user_in_line_hears_stable_and_nothing_failed(engine: TritonEngine, tones: Tones) -> None:
    """An overrun candidate hands over who stood in its line too long: slow, told apart from a failure, and visible."""
    held = Held(engine, tones["other"])
    async with gateway(held, all_to_other(tones), late_s=LATE_S, limits=ONE) as gate:
        first = asyncio.create_task(gate.say(headers=NAMED))
        await inside(gate, tones["other"])
        answer, _ = await gate.say()
        assert (answer.status, answer.headers["x-segue-arm"]) == (200, "stable")
        assert answer.headers["x-segue-failed-over-from"] == "1.0.0-other"
        assert (failovers(gate), hedges(gate)) == ({"overrun": 1}, 0)
        assert {key: count for key, count in roots(gate).items() if count} == {
            ("1.0.0-other", "candidate", "overrun"): 1
        }
        found = counted(gate.metrics, "segue_measured_total", "arm", "measure", "bucket")
        assert {measure for _, measure, _ in found} == {"latency", "ttfa"}
        assert min(int(bucket) for _, _, bucket in found) >= bucket_of(LATE_S)
        labels = {"release": "1.0.0-other", "arm": "candidate"}
        assert gate.count("segue_requests_total", outcome="rejected", **labels) == 1
        assert gate.count("segue_requests_total", outcome="error", **labels) == 0
        (kept,) = (await gate.failures("1.0.0-other"))[1]["failures"]
        assert (kept["why"], kept["status"]) == ("overrun", 200)
        held.let_go(tones["other"])
        assert (await first)[0].status == 200
        await until(lambda: gate.count("segue_inflight", release="1.0.0-other") == 0)


async def test_nobody_leaves_a_line_for_a_stable_without_a_free_place(engine: TritonEngine, tones: Tones) -> None:
    """What stable cannot take at once stays with the candidate: it is neither crowded nor asked beside it."""
    held = Held(engine, tones["other"], tones["good"])
    async with gateway(held, all_to_other(tones), late_s=LATE_S, limits=ONE) as gate:
        busy = [asyncio.create_task(gate.say(headers={"x-segue-release": arm})) for arm in ("stable", "candidate")]
        await inside(gate, tones["good"])
        await inside(gate, tones["other"])
        in_line = asyncio.create_task(gate.say())
        done, _ = await asyncio.wait({in_line}, timeout=6 * LATE_S)
        assert not done
        assert (failovers(gate), hedges(gate)) == ({}, 0)
        held.let_go(tones["other"])
        assert (await in_line)[0].headers["x-segue-arm"] == "candidate"
        held.let_go(tones["good"])
        assert {(await one)[0].status for one in busy} == {200}


async def test_one_free_place_is_one_users(engine: TritonEngine, tones: Tones) -> None:
    """However many look in the same moment, one of them gets stable's last free place, and nobody loses their own."""
    held = Held(engine, tones["other"], tones["good"])
    many = Limits(concurrent=2, waiting=3)
    async with gateway(held, all_to_other(tones), late_s=0.3, limits=many) as gate:
        busy = asyncio.create_task(gate.say(headers={"x-segue-release": "stable"}))
        await inside(gate, tones["good"])
        speaking = [asyncio.create_task(gate.say()) for _ in range(5)]
        # All of them have asked long before; then the loop stands still until all of them are late.
        asyncio.get_running_loop().call_later(0.2, time.sleep, 0.3)
        await until(lambda: gate.count("segue_inflight", release="1.0.0-good") == 2)
        await asyncio.sleep(LATE_S)
        assert roots(gate).get(("1.0.0-other", "candidate", "overrun"), 0) + hedges(gate) == 1
        held.let_go(tones["other"])
        held.let_go(tones["good"])
        assert [(await one)[0].status for one in (busy, *speaking)] == [200] * 6


async def test_one_free_place_in_line_is_one_users(engine: TritonEngine, tones: Tones) -> None:
    """Of those whose time-outs end in one moment one gets the last place in stable's line, and the others wait on."""
    held = Held(engine, tones["other"], tones["good"])
    two = Limits(concurrent=1, waiting=2)
    async with gateway(held, all_to_other(tones), timeout_s=0.3, late_s=0.3, limits=two) as gate:
        busy = asyncio.create_task(gate.say(headers={"x-segue-release": "stable"}))
        await inside(gate, tones["good"])
        # Its candidate says nothing, so it takes the first of the two places in stable's line.
        first = asyncio.create_task(gate.say())
        await until(lambda: hedges(gate) == 1)
        in_line = [asyncio.create_task(gate.say()) for _ in range(2)]
        # Both have asked long before; then the loop stands still until the time-out of both is over.
        asyncio.get_running_loop().call_later(0.2, time.sleep, 0.3)
        await until(lambda: roots(gate).get(("1.0.0-other", "candidate", "overrun")) == 1)
        await asyncio.sleep(LATE_S)
        assert roots(gate)["1.0.0-other", "candidate", "overrun"] == 1
        held.let_go(tones["other"])
        held.let_go(tones["good"])
        assert [(await one)[0].status for one in (busy, first, *in_line)] == [200] * 4


async def test_release_that_is_late_with_everything_is_hedged_for_few(engine: TritonEngine, tones: Tones) -> None:
    """Twenty are spoken by stable when the candidate is late; who comes after them, when the time-out is over."""
    held = Held(engine, tones["other"])
    many = Limits(concurrent=32)
    async with gateway(held, all_to_other(tones), timeout_s=2, late_s=LATE_S, limits=many) as gate:
        speaking = {asyncio.create_task(gate.say()) for _ in range(23)}
        await until(lambda: sum(task.done() for task in speaking) == 20)
        assert (hedges(gate), failovers(gate)) == (20, {"late": 20})
        answers = [answer for answer, _ in await asyncio.gather(*speaking)]
        assert {(answer.status, answer.headers["x-segue-arm"]) for answer in answers} == {(200, "stable")}
        assert failovers(gate) == {"late": 23}
        assert gate.count("segue_inflight", release="1.0.0-other") == 23


async def test_user_whom_nobody_has_room_for_was_failed(engine: TritonEngine, tones: Tones) -> None:
    """Who finds the candidate full, and stable, too, is told so: another did not speak, so this is no overrun."""
    held = Held(engine, tones["other"], tones["good"])
    async with gateway(held, all_to_other(tones), limits=Limits(concurrent=1, waiting=0)) as gate:
        busy = [asyncio.create_task(gate.say(headers={"x-segue-release": arm})) for arm in ("stable", "candidate")]
        await inside(gate, tones["good"])
        await inside(gate, tones["other"])
        assert (await gate.say())[0].status == 429
        assert roots(gate) == {("1.0.0-other", "candidate", "failed"): 1, ("1.0.0-other", "candidate", "ok"): 0}
        kept = (await gate.failures("1.0.0-other"))[1]["failures"]
        assert [(one["why"], one["status"]) for one in kept] == [("crowded", 429)]
        for release in (tones["good"], tones["other"]):
            held.let_go(release)
        assert {(await one)[0].status for one in busy} == {200}


@pytest.mark.parametrize("waiting", [0, 1])
async def test_crowded_stable_can_be_asked_later(engine: TritonEngine, tones: Tones, waiting: int) -> None:
    """Stable had no place when the time-out was over, in its line or in the end: it speaks when the candidate fails."""
    held = Held(engine, tones["other"], tones["good"])
    one = Limits(concurrent=1, waiting=waiting, wait_s=LATE_S)
    async with gateway(held, all_to_other(tones), timeout_s=0.4, late_s=0.4, limits=one) as gate:
        busy = asyncio.create_task(gate.say(headers={"x-segue-release": "stable"}))
        await inside(gate, tones["good"])
        late = asyncio.create_task(gate.say())
        done, _ = await asyncio.wait({late}, timeout=0.6)
        assert (len(done), hedges(gate)) == (0, waiting)
        held.let_go(tones["good"])
        await busy
        held.fail(tones["other"])
        answer, _ = await late
        assert (answer.status, answer.headers["x-segue-arm"]) == (200, "stable")


async def test_whoever_names_a_late_release_waits_for_it(engine: TritonEngine, tones: Tones) -> None:
    """A header that names a release is exact, however late that one is."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["slow"]), late_s=LATE_S) as gate:
        answer, _ = await gate.say(headers=NAMED)
        assert answer.headers["x-segue-arm"] == "candidate"
        assert gate.count("segue_requests_total", release="1.0.0-good", arm="stable", outcome="ok") == 0


async def test_stream_is_one_voice_from_its_first_byte(engine: TritonEngine, tones: Tones) -> None:
    """Of a late candidate's stream stable speaks all; the candidate goes on to the last word, and nobody hears it."""
    held = Held(engine, tones["other"])
    async with gateway(held, all_to_other(tones), late_s=LATE_S) as gate:
        answer, streamed = await gate.say(PAGE, stream=True)
        assert answer.headers["x-segue-arm"] == "stable"
        _, alone = await gate.say(PAGE, headers={"x-segue-release": "stable"})
        assert streamed == alone
        held.let_go(tones["other"])
        labels = {"release": "1.0.0-other", "arm": "candidate"}
        await until(lambda: gate.count("segue_characters_total", **labels) == len(PAGE))
        await until(lambda: gate.count("segue_inflight", release="1.0.0-other") == 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_late_candidate_that_was_taken_back_is_asked_nothing_more(
    engine: TritonEngine, tones: Tones, stream: bool
) -> None:
    """Once no table in use names it a candidate that nobody hears gives its place back, and no group of it fails."""
    held = Held(engine, tones["other"])
    async with gateway(held, all_to_other(tones), late_s=LATE_S) as gate:
        answer, _ = await gate.say(PAGE, stream=stream)
        assert answer.headers["x-segue-arm"] == "stable"
        gate.tables.offer(table(2, stable=tones["good"]))
        held.let_go(tones["other"])
        await until(lambda: gate.count("segue_inflight", release="1.0.0-other") == 0)
        assert held.asked[tones["other"].ensemble] == 1
        assert roots(gate) == {}


async def test_late_candidate_with_another_weight_goes_on(engine: TritonEngine, tones: Tones) -> None:
    """A table that gives the candidate more or less still names it: what was late is measured to its end."""
    held = Held(engine, tones["other"])
    async with gateway(held, all_to_other(tones), late_s=LATE_S) as gate:
        await gate.say(PAGE)
        gate.tables.offer(table(2, stable=tones["good"], candidate=tones["other"]))
        held.let_go(tones["other"])
        await until(lambda: roots(gate).get(("1.0.0-other", "candidate", "ok")) == 1)


async def test_stream_that_has_begun_is_not_hedged(engine: TritonEngine, tones: Tones) -> None:
    """A release that has said something is not late, however long the rest takes."""
    async with gateway(
        engine, table(1, stable=tones["good"], candidate=tones["slow"], weight_bp=10_000), late_s=0.6
    ) as gate:
        answer, _ = await gate.say(PAGE)
        assert answer.headers["x-segue-arm"] == "candidate"
        assert gate.count("segue_request_seconds_sum", release="1.0.0-slow", arm="candidate") > 0.6


@pytest.mark.parametrize("sooner", ["good", "other"])
async def test_when_both_fail_the_caller_is_told_once(engine: TritonEngine, tones: Tones, sooner: str) -> None:
    """Whichever fails first, its user waits for the other; when that fails, too, it is one 502."""
    held = Held(engine, tones["other"], tones["good"])
    later = "other" if sooner == "good" else "good"
    async with gateway(held, all_to_other(tones), late_s=LATE_S) as gate:
        speaking = asyncio.create_task(gate.say())
        await inside(gate, tones["good"])
        held.fail(tones[sooner])
        await until(lambda: gate.count("segue_inflight", release=f"1.0.0-{sooner}") == 0)
        assert not speaking.done()
        held.fail(tones[later])
        assert (await speaking)[0].status == 502
        assert gate.count("segue_user_requests_total", code="502") == 1
        assert roots(gate) == {("1.0.0-other", "candidate", "failed"): 1, ("1.0.0-other", "candidate", "ok"): 0}


async def test_caller_who_leaves_frees_both_places(engine: TritonEngine, tones: Tones) -> None:
    """Who leaves while two releases are asked leaves both, and is a failure of neither."""
    held = Held(engine, tones["other"], tones["good"])
    async with gateway(held, all_to_other(tones), late_s=LATE_S) as gate:
        body = {"model": SERVICE, "input": "Hello there.", "response_format": "pcm"}
        leaving = asyncio.create_task(gate.http.post(SPEECH, json=body, timeout=aiohttp.ClientTimeout(total=5)))
        await inside(gate, tones["good"])
        leaving.cancel()
        await until(lambda: gate.count("segue_user_requests_total", code="499") == 1)
        await until(lambda: gate.count("segue_inflight", release="1.0.0-good") == 0)
        await until(lambda: gate.count("segue_inflight", release="1.0.0-other") == 0)
        assert not roots(gate)
