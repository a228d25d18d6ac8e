"""Copies of stable's requests: measured, thrown away, bounded, and nothing to any user."""

import asyncio
import math
from dataclasses import replace

import aiohttp
import pytest

from controller.core.names import Release
from controller.core.routing import Arm, Asked, Role, RoutingTable, pick
from controller.gateway.admission import Limits
from controller.gateway.engine import Spoken
from controller.gateway.mirror import MOST_COPIES, mirrored
from controller.gateway.triton import TritonEngine
from tests.gateway.stage import SERVICE, SPEECH, Gateway, Tones, gateway, table, until
from tests.gateway.test_evidence import counted
from tests.gateway.test_streaming import PAGE


def mirroring(epoch: int = 1, *, stable: Release, candidate: Release, weight_bp: int = 0) -> RoutingTable:
    """Return a table by which all of stable's requests are copied to the candidate."""
    return replace(table(epoch, stable=stable, candidate=candidate, weight_bp=weight_bp), mirror_bp=10_000)


def copied(gate: Gateway, release: Release) -> dict[str, float]:
    """Return the copies that ended, by outcome."""
    found = counted(gate.metrics, "segue_root_requests_total", "release", "arm", "outcome")
    assert {version for version, arm, _ in found if arm == "mirror"} <= {release.version}
    return {outcome: found.get((release.version, "mirror", outcome), 0) for outcome in ("ok", "failed")}


async def until_copied(gate: Gateway, release: Release, *, ok: int = 0, failed: int = 0) -> None:
    """Wait until this many copies ended."""
    await until(lambda: copied(gate, release) == {"ok": ok, "failed": failed})


def told(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers, but for the time of day."""
    return {name: value for name, value in answer.headers.items() if name.lower() != "date"}


class Held:
    """An engine that makes one release wait until it is let go."""

    def __init__(self, engine: TritonEngine, release: Release) -> None:
        self._engine = engine
        self._ensemble = release.ensemble
        self.endpoints = engine.endpoints
        self.gone = engine.gone
        self.asked = 0
        self.let_go = asyncio.Event()

    async def infer(self, arm: Arm, text: str, speed: float, timeout_s: float) -> Spoken:
        """Speak, but not yet."""
        if arm.release.ensemble == self._ensemble:
            self.asked += 1
            await self.let_go.wait()
        return await self._engine.infer(arm, text, speed, timeout_s)


@pytest.mark.parametrize("stream", [False, True])
async def test_mirror_never_answers_the_user(engine: TritonEngine, tones: Tones, stream: bool) -> None:
    """With everything mirrored, users are sent what they would be sent without a mirror, to the byte and header."""
    good, other = tones["good"], tones["other"]
    async with gateway(engine, table(1, stable=good, candidate=other)) as gate:
        plain, audio = await gate.say(PAGE, stream=stream)
    async with gateway(engine, mirroring(stable=good, candidate=other)) as gate:
        for number in range(3):
            answer, body = await gate.say(PAGE, stream=stream, user=f"user-{number}")
            assert answer.status == 200
            assert body == audio
            assert told(answer) == told(plain)
            await until_copied(gate, other, ok=number + 1)
        assert gate.count("segue_requests_total", release="1.0.0-other", arm="mirror", outcome="ok") == 3
        assert gate.count("segue_characters_total", release="1.0.0-other", arm="mirror") == 3 * len(PAGE)
        assert gate.count("segue_requests_total", release="1.0.0-other", arm="candidate", outcome="ok") == 0
        assert gate.count("segue_requests_total", release="1.0.0-good", arm="stable", outcome="ok") == 3


@pytest.mark.parametrize("fault", ["failing", "silent"])
async def test_failing_copies_fail_no_user(engine: TritonEngine, tones: Tones, fault: str) -> None:
    """A mirrored candidate that only fails is counted as such; every user hears stable, and nothing is failed over."""
    candidate = tones[fault]
    async with gateway(engine, mirroring(stable=tones["good"], candidate=candidate)) as gate:
        for number in range(25):
            answer, _ = await gate.say()
            assert (answer.status, answer.headers["x-segue-arm"]) == (200, "stable")
            assert "x-segue-failed-over-from" not in answer.headers
            await until_copied(gate, candidate, failed=number + 1)
        assert gate.count("segue_failovers_total", release=candidate.version) == 0
        assert gate.count("segue_broken_streams_total", release=candidate.version) == 0
        assert gate.count("segue_user_requests_total", code="200") == 25


async def test_copy_that_breaks_midway_is_counted_once(engine: TritonEngine, tones: Tones) -> None:
    """A copied stream that its release cannot finish is one failure, and no stream of any user was broken off."""
    async with gateway(engine, mirroring(stable=tones["good"], candidate=tones["short"])) as gate:
        await gate.say(PAGE, stream=True)
        await until_copied(gate, tones["short"], failed=1)
        assert gate.count("segue_broken_streams_total", release="1.0.0-short") == 0


async def test_hanging_copies_make_no_user_wait(engine: TritonEngine, tones: Tones) -> None:
    """While copies hang, users are answered, no more copies than the budget begin, and what is over it is counted."""
    held = Held(engine, tones["other"])
    async with gateway(held, mirroring(stable=tones["good"], candidate=tones["other"])) as gate:
        for number in range(MOST_COPIES + 5):
            answer, _ = await gate.say(user=f"user-{number}")
            assert answer.status == 200
        assert held.asked == gate.copies.at_work(SERVICE) == MOST_COPIES
        assert gate.count("segue_mirror_dropped_total", release="1.0.0-other") == 5
        held.let_go.set()
        await until_copied(gate, tones["other"], ok=MOST_COPIES)
        await gate.say()
        await until_copied(gate, tones["other"], ok=MOST_COPIES + 1)


async def test_copy_takes_no_place_of_the_candidates_users(engine: TritonEngine, tones: Tones) -> None:
    """A candidate with one place works on a copy: its own user is let in at once, and no further copy begins."""
    held = Held(engine, tones["other"])
    one = Limits(concurrent=1, waiting=0)
    async with gateway(held, mirroring(stable=tones["good"], candidate=tones["other"]), limits=one) as gate:
        await gate.say()
        await until(lambda: held.asked == 1)
        user = asyncio.create_task(gate.say(headers={"x-segue-release": "candidate"}))
        await until(lambda: held.asked == 2)
        await gate.say()
        assert held.asked == 2
        assert gate.count("segue_mirror_dropped_total", release="1.0.0-other") == 1
        held.let_go.set()
        answer, _ = await user
        assert (answer.status, answer.headers["x-segue-release"]) == (200, "1.0.0-other")


async def test_forced_requests_and_the_candidates_own_are_not_copied(engine: TritonEngine, tones: Tones) -> None:
    """Testers on stable are not copied, nor is what the candidate spoke to its own users."""
    good, other = tones["good"], tones["other"]
    async with gateway(engine, mirroring(stable=good, candidate=other)) as gate:
        await gate.say(headers={"cookie": "gray_test=false"})
        await gate.say(headers={"x-segue-release": "stable"})
        await gate.say(headers={"x-segue-release": "candidate"})
        await gate.say(headers={"x-segue-tier": "vip"})
        assert gate.copies.at_work(SERVICE) == 0
        assert copied(gate, other) == {"ok": 0, "failed": 0}
        assert gate.count("segue_mirror_dropped_total", release="1.0.0-other") == 0


async def test_caller_who_left_is_not_copied(engine: TritonEngine, tones: Tones) -> None:
    """A request that was given up, and so says nothing about stable, is not asked of the candidate either."""
    async with gateway(engine, mirroring(stable=tones["slow"], candidate=tones["other"])) as gate:
        with pytest.raises(TimeoutError):
            await gate.http.post(
                SPEECH, json={"model": SERVICE, "input": PAGE}, timeout=aiohttp.ClientTimeout(total=0.2)
            )
        await until(lambda: gate.count("segue_user_requests_total", code="499") == 1)
        assert gate.copies.at_work(SERVICE) == 0
        assert copied(gate, tones["other"]) == {"ok": 0, "failed": 0}


async def test_failure_of_stable_is_copied_too(engine: TritonEngine, tones: Tones) -> None:
    """A text that stable cannot speak is asked of the candidate as well, or what troubles both would flatter it."""
    async with gateway(engine, mirroring(stable=tones["failing"], candidate=tones["other"])) as gate:
        answer, _ = await gate.say()
        assert answer.status == 502
        await until_copied(gate, tones["other"], ok=1)


async def test_candidate_that_was_taken_back_is_asked_nothing_more(engine: TritonEngine, tones: Tones) -> None:
    """A request that began by a table which is gone when it ends is not copied."""
    held = Held(engine, tones["good"])
    async with gateway(held, mirroring(stable=tones["good"], candidate=tones["other"])) as gate:
        asked = asyncio.create_task(gate.say())
        await until(lambda: held.asked == 1)
        gate.tables.offer(table(2, stable=tones["good"]))
        held.let_go.set()
        assert (await asked)[0].status == 200
        assert gate.copies.at_work(SERVICE) == 0
        assert copied(gate, tones["other"]) == {"ok": 0, "failed": 0}


async def test_shutdown_waits_for_no_copy(engine: TritonEngine, tones: Tones) -> None:
    """When serving ends, copies at work are cancelled and count as nothing."""
    held = Held(engine, tones["other"])
    async with gateway(held, mirroring(stable=tones["good"], candidate=tones["other"])) as gate:
        await gate.say()
        await until(lambda: held.asked == 1)
    assert gate.copies.at_work(SERVICE) == 0
    assert copied(gate, tones["other"]) == {"ok": 0, "failed": 0}


@pytest.mark.parametrize("salt", ["tone-2", "s" * 80])
def test_mirrored_users_are_a_steady_even_share_apart_from_the_sticky_bucket(tones: Tones, salt: str) -> None:
    """A fifth of users is mirrored, within four standard deviations, among those near the candidate as among others."""
    drawn = replace(table(1, stable=tones["good"], candidate=tones["other"], weight_bp=4000), salt=salt, mirror_bp=2000)
    shares = []
    for wanted in (Role.STABLE, Role.CANDIDATE):
        users = [f"user-{number}" for number in range(8000)]
        users = [user for user in users if pick(drawn, Asked(user)).arm.role is wanted]  # type: ignore[union-attr]  # the table has arms
        grown = replace(drawn, arms=table(1, stable=tones["good"], candidate=tones["other"]).arms)
        copies = [user for user in users if mirrored(grown, pick(grown, Asked(user)), user)]  # type: ignore[arg-type]  # as above
        assert copies == [user for user in users if mirrored(grown, pick(grown, Asked(user)), user)]  # type: ignore[arg-type]  # as above
        shares.append((len(copies), len(users)))
    for few, all_ in shares:
        assert abs(few - 0.2 * all_) <= 4 * math.sqrt(all_ * 0.2 * 0.8)
