"""What a gateway keeps of requests that failed: enough to see how and where, nothing of what was said or by whom."""

import asyncio
import json

import pytest

from controller.gateway.failures import Failure, Failures
from controller.gateway.triton import TritonEngine
from controller.parts.triton import Triton
from tests.gateway.stage import SERVICE, Tones, gateway, table


async def test_a_failed_attempt_is_kept_with_how_its_caller_was_answered(
    engine: TritonEngine, triton: Triton, tones: Tones
) -> None:
    """A candidate that failed leaves its failure; that stable answered the caller with 200 stands there, too."""
    async with gateway(engine, table(7, stable=tones["good"], candidate=tones["failing"], weight_bp=10_000)) as gate:
        await gate.say("Hello there.")
        status, told = await gate.failures("1.0.0-failing")
        (failure,) = told["failures"]
        assert (status, told["failed"]) == (200, 1)
        assert (failure["arm"], failure["why"], failure["status"]) == ("candidate", "failed", 200)
        assert (failure["epoch"], failure["endpoint"], failure["characters"]) == (7, triton.http, 12)
        assert failure["latency_s"] > 0
        assert (await gate.failures("1.0.0-good"))[1] == {"failed": 0, "failures": []}


async def test_a_request_that_nobody_answered_is_kept_with_its_status(engine: TritonEngine, tones: Tones) -> None:
    """Both releases fail: each leaves its failure, with what the caller was told in the end."""
    async with gateway(engine, table(1, stable=tones["failing"], candidate=tones["silent"], weight_bp=10_000)) as gate:
        await gate.say()
        kept = [(await gate.failures(f"1.0.0-{name}"))[1]["failures"] for name in ("silent", "failing")]
        assert [[(one["arm"], one["status"]) for one in failures] for failures in kept] == [
            [("candidate", 502)],
            [("stable", 502)],
        ]


async def test_a_time_out_is_told_as_one(engine: TritonEngine, tones: Tones) -> None:
    """Why and how long: as long as the gateway waited."""
    async with gateway(engine, table(1, stable=tones["slow"]), timeout_s=0.1) as gate:
        await gate.say()
        (failure,) = (await gate.failures("1.0.0-slow"))[1]["failures"]
        assert (failure["why"], failure["status"]) == ("timed_out", 504)
        assert 0.1 <= failure["latency_s"] < 2


async def test_nothing_that_was_said_or_who_said_it_is_kept(engine: TritonEngine, tones: Tones) -> None:
    """Neither text, nor user, nor address, nor header; only what the release and the gateway did."""
    headers = {"x-segue-user": "ann@example.org", "x-forwarded-for": "203.0.113.9", "x-segue-tier": "gold"}
    async with gateway(engine, table(1, stable=tones["failing"])) as gate:
        await gate.say("My secret is the violet.", headers=headers, user="ben@example.org")
        _, told = await gate.failures("1.0.0-failing")
        written = json.dumps(told)
        for secret in ("secret", "violet", "ann@", "ben@", "203.0.113", "127.0.0.1:0", "gold"):
            assert secret not in written
        assert set(told["failures"][0]) == {
            *("at_ms", "release", "arm", "epoch", "segment", "endpoint", "why", "latency_s", "characters", "status")
        }


@pytest.mark.parametrize(("token", "status"), [("", 401), ("a-token-nobody-knows", 401), ("an-alertmanager-s-1", 403)])
async def test_only_who_may_look_is_told(engine: TritonEngine, tones: Tones, token: str, status: int) -> None:
    """As everywhere: a token of the role viewer, or one that may do more."""
    async with gateway(engine, table(1, stable=tones["good"])) as gate:
        assert (await gate.failures("1.0.0-good", token))[0] == status


def test_what_is_kept_is_bounded() -> None:
    """The last 200 of a release, of the last 64 releases that failed; how many there were is known all the same."""
    failures = Failures()
    for release in range(100):
        for number in range(250 if release == 99 else 1):
            failures.add(SERVICE, Failure(f"{release}", "stable", 1, "", "", "failed", 0.1, 5, at_ms=number))
    last = failures.of(SERVICE, "99")
    assert (last["failed"], len(last["failures"]), last["failures"][0]["at_ms"]) == (250, 200, 50)
    kept = [release for release in range(100) if failures.of(SERVICE, f"{release}")["failed"]]
    assert kept == list(range(36, 100))


async def test_failures_while_many_speak_belong_to_their_own_callers(engine: TritonEngine, tones: Tones) -> None:
    """Each failure has the status of its own caller, whoever else is answered meanwhile."""
    async with gateway(engine, table(1, stable=tones["short"])) as gate:
        answers = await asyncio.gather(*(gate.say("x" * length) for length in (10, 200, 10, 300)))
        failed = [answer.status for answer, _ in answers if answer.status != 200]
        kept = (await gate.failures("1.0.0-short"))[1]["failures"]
        assert sorted((one["characters"], one["status"]) for one in kept) == [(200, 502), (300, 502)]
        assert failed == [502, 502]
