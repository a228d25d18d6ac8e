"""A release that fails: who answers, who is blamed, and what the caller is told when nobody can."""

import asyncio

import aiohttp
import pytest

from controller.core.names import Release
from controller.core.routing import RoutingTable
from controller.gateway.admission import Limits
from controller.gateway.triton import TritonEngine
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.triton import Triton
from tests.gateway.stage import SERVICE, SPEECH, Tones, gateway, table, until


@pytest.mark.parametrize("fault", ["failing", "silent"])
async def test_failing_candidate_costs_no_user(engine: TritonEngine, triton: Triton, tones: Tones, fault: str) -> None:
    """With a candidate that only fails, or says nothing, at 90 %, every user hears stable; the candidate is blamed."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones[fault], weight_bp=9000)) as gate:
        answers = await asyncio.gather(*(gate.say(user=f"user-{number}") for number in range(60)))
        assert {answer.status for answer, _ in answers} == {200}
        assert all(len(body) > 10_000 for _, body in answers)
        assert {answer.headers["x-segue-arm"] for answer, _ in answers} == {"stable"}
        over = [answer for answer, _ in answers if "x-segue-failed-over-from" in answer.headers]
        version = tones[fault].version
        assert {answer.headers["x-segue-failed-over-from"] for answer in over} == {version}
        # Those who were picked for it after its only endpoint had been left alone did not even ask it.
        assert 5 <= gate.count("segue_requests_total", release=version, arm="candidate", outcome="error") <= len(over)
        at = {"release": version, "arm": "candidate", "segment": "", "endpoint": triton.http}
        assert gate.count("segue_root_requests_total", outcome="failed", **at) == len(over) > 40
        assert gate.count("segue_requests_total", release="1.0.0-good", arm="stable", outcome="ok") == 60
        why = (gate.count("segue_failovers_total", release=version, why=why) for why in ("failed", "none_left"))
        assert sum(why) == len(over)
        assert gate.count("segue_inflight", release=version) == 0


async def test_slow_candidate_is_a_timeout_and_stable_answers(engine: TritonEngine, tones: Tones) -> None:
    """A candidate that does not answer in time is counted as a time-out, with its latency, and stable answers."""
    async with gateway(
        engine, table(1, stable=tones["good"], candidate=tones["slow"], weight_bp=10_000), timeout_s=0.35
    ) as gate:
        answer, _ = await gate.say()
        assert answer.headers["x-segue-failed-over-from"] == "1.0.0-slow"
        labels = {"release": "1.0.0-slow", "arm": "candidate"}
        # Stable was asked beside it before its time was up.
        await until(lambda: gate.count("segue_requests_total", outcome="timeout", **labels) == 1)
        assert gate.count("segue_request_seconds_sum", **labels) >= 0.35


async def test_previous_answers_for_a_fresh_stable(engine: TritonEngine, tones: Tones) -> None:
    """Inside the guard window the former stable answers for the new one."""
    async with gateway(engine, table(1, stable=tones["failing"], previous=tones["good"])) as gate:
        answer, _ = await gate.say()
        assert (answer.status, answer.headers["x-segue-arm"]) == (200, "previous")


async def test_whoever_names_a_release_hears_that_one_or_none(engine: TritonEngine, tones: Tones) -> None:
    """A forced header is never answered by another release, or a tester would judge the wrong voice."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["failing"])) as gate:
        answer, body = await gate.say(headers={"x-segue-release": "candidate"})
        assert answer.status == 502
        assert b"release_failed" in body


async def test_when_all_fail_the_caller_is_told(engine: TritonEngine, tones: Tones) -> None:
    """Two failing releases are a 502 that quotes neither the text nor Triton."""
    async with gateway(engine, table(1, stable=tones["failing"], candidate=tones["silent"], weight_bp=10_000)) as gate:
        answer, body = await gate.say("A secret text.")
        assert answer.status == 502
        assert b"secret" not in body
        assert gate.count("segue_user_requests_total", code="502") == 1


async def test_release_that_times_out_alone_is_a_504(engine: TritonEngine, tones: Tones) -> None:
    """Nobody to fail over to and no answer in time: 504."""
    async with gateway(engine, table(1, stable=tones["slow"]), timeout_s=0.1) as gate:
        assert (await gate.say())[0].status == 504


async def test_unloaded_release_is_a_503(engine: TritonEngine, tones: Tones) -> None:
    """What Triton has not loaded, as right after a restart, counts as a failure and is worth waiting for."""
    absent = Release("tone", "0", "tone__absent", "sha256:0", 44_100, 20.0, "2026-01-01T00:00:00+00:00")
    async with gateway(engine, table(1, stable=absent)) as gate:
        answer, body = await gate.say()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "2"
        assert b"not_loaded" in body
        assert gate.count("segue_requests_total", release="0", arm="stable", outcome="error") == 1


async def test_triton_away_is_a_503(tones: Tones) -> None:
    """Nobody at Triton's address: 503, with the time after which it is worth asking again."""
    nobody = TritonEngine(f"{LOOPBACK}:{free_port()}")
    async with gateway(nobody, table(1, stable=tones["good"])) as gate:
        answer, body = await gate.say()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "2"
        assert b"engine_away" in body


async def test_service_without_a_release_is_a_503(engine: TritonEngine, tones: Tones) -> None:
    """A service whose first release is still being prepared is known and has nothing to speak with."""
    async with gateway(engine, RoutingTable(SERVICE, 1)) as gate:
        answer, _ = await gate.say()
        assert answer.status == 503
        assert "retry-after" in answer.headers


async def test_over_the_queue_is_a_429_and_the_other_release_speaks(engine: TritonEngine, tones: Tones) -> None:
    """A slow release with full queues refuses at once with Retry-After, and stable is as quick as ever."""
    limits = Limits(concurrent=2, waiting=3)
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["slow"]), limits=limits) as gate:
        slow = [asyncio.create_task(gate.say(headers={"x-segue-release": "candidate"})) for _ in range(12)]
        await until(
            lambda: gate.count("segue_requests_total", release="1.0.0-slow", arm="forced", outcome="rejected") == 7
        )
        assert gate.count("segue_inflight", release="1.0.0-slow") == 2
        stable, _ = await gate.say()
        assert stable.status == 200
        assert not all(task.done() for task in slow), "stable waited for the slow release"
        answers = [answer for answer, _ in await asyncio.gather(*slow)]
        assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 7
        assert {answer.headers["retry-after"] for answer in answers if answer.status == 429} == {"1"}


async def test_waiting_too_long_is_a_503(engine: TritonEngine, tones: Tones) -> None:
    """Whoever got in line and waited its time is told when to come again."""
    limits = Limits(concurrent=1, waiting=3, wait_s=0.05)
    async with gateway(engine, table(1, stable=tones["slow"]), limits=limits) as gate:
        answers = [answer for answer, _ in await asyncio.gather(gate.say(), gate.say())]
        assert sorted(answer.status for answer in answers) == [200, 503]
        assert {answer.headers.get("retry-after") for answer in answers} == {None, "5"}


async def test_users_of_a_crowded_candidate_hear_stable(engine: TritonEngine, tones: Tones) -> None:
    """A candidate that cannot keep up hands its users over instead of refusing them."""
    limits = Limits(concurrent=1, waiting=0)
    async with gateway(
        engine, table(1, stable=tones["good"], candidate=tones["slow"], weight_bp=10_000), limits=limits
    ) as gate:
        first = asyncio.create_task(gate.say())
        await until(lambda: gate.count("segue_inflight", release="1.0.0-slow") == 1)
        answer, _ = await gate.say()
        assert answer.headers["x-segue-arm"] == "stable"
        assert (await first)[0].headers["x-segue-arm"] == "candidate"
        assert gate.count("segue_requests_total", release="1.0.0-slow", arm="candidate", outcome="rejected") == 1


async def test_caller_who_leaves_frees_the_place(engine: TritonEngine, tones: Tones) -> None:
    """A connection that ends cancels the work; it is a 499, no fault of the release, and its time is counted."""
    async with gateway(engine, table(1, stable=tones["slow"])) as gate:
        body = {"model": SERVICE, "input": "One sentence. " * 100}
        with pytest.raises(TimeoutError):
            await gate.http.post(SPEECH, json=body, timeout=aiohttp.ClientTimeout(total=0.2))
        await until(lambda: gate.count("segue_user_requests_total", code="499") == 1)
        assert gate.count("segue_inflight", release="1.0.0-slow") == 0
        labels = {"release": "1.0.0-slow", "arm": "stable"}
        assert gate.count("segue_request_seconds_count", **labels) == 1
        assert gate.count("segue_requests_total", outcome="error", **labels) == 0


async def test_wrong_audio_is_counted_by_what_is_wrong(engine: TritonEngine, tones: Tones) -> None:
    """Clipped audio is sent, for it may be the voice's own, and counted."""
    async with gateway(engine, table(1, stable=tones["clipped"])) as gate:
        assert (await gate.say())[0].status == 200
        assert gate.count("segue_audio_check_failures_total", release="1.0.0-clipped", check="clipped") == 1
