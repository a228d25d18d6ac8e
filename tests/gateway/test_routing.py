"""Who is spoken to by which release, on real tones."""

import asyncio
import math

import pytest

from controller.gateway.triton import TritonEngine
from tests.gateway.stage import SPEECH, Gateway, Tones, gateway, table


async def served(gate: Gateway, users: range, **more: object) -> dict[int, str]:
    """Return by user the arm that answered."""

    async def arm(user: int) -> str:
        answer, _ = await gate.say("Hi.", headers={"x-segue-user": f"user-{user}"}, **more)
        assert answer.status == 200
        return answer.headers["x-segue-arm"]

    return dict(zip(users, await asyncio.gather(*map(arm, users)), strict=True))


async def test_weights_hold_within_chance(engine: TritonEngine, tones: Tones) -> None:
    """Of 800 users, as many hear a 10 % candidate as chance allows: four standard deviations either way."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["other"], weight_bp=1000)) as gate:
        for start in range(0, 800, 40):
            await served(gate, range(start, start + 40))
        heard = gate.count("segue_requests_total", release="1.0.0-other", arm="candidate", outcome="ok")
        assert abs(heard - 80) <= 4 * math.sqrt(800 * 0.1 * 0.9)
        assert gate.count("segue_user_requests_total", code="200") == 800


async def test_users_stick_and_grow_into_a_superset(engine: TritonEngine, tones: Tones) -> None:
    """Whoever hears the candidate at 20 % hears it again, and still hears it at 60 %."""
    good, other = tones["good"], tones["other"]
    async with gateway(engine, table(1, stable=good, candidate=other, weight_bp=2000)) as gate:
        few = await served(gate, range(40))
        assert await served(gate, range(40)) == few
        gate.tables.offer(table(2, stable=good, candidate=other, weight_bp=6000))
        more = await served(gate, range(40))
    at_first = {user for user, arm in few.items() if arm == "candidate"}
    later = {user for user, arm in more.items() if arm == "candidate"}
    assert at_first
    assert at_first < later < set(range(40))


async def test_cookie_forces_an_arm(engine: TritonEngine, tones: Tones) -> None:
    """gray_test=true hears a candidate that has no traffic, gray_test=false hears stable at full candidate weight."""
    good, other = tones["good"], tones["other"]
    async with gateway(engine, table(1, stable=good, candidate=other)) as gate:
        answer, _ = await gate.say(headers={"cookie": "a=b; gray_test=true"})
        assert (answer.headers["x-segue-arm"], answer.headers["x-segue-why"]) == ("candidate", "forced")
        gate.tables.offer(table(2, stable=good, candidate=other, weight_bp=10_000))
        answer, _ = await gate.say(headers={"cookie": "gray_test=false"})
        assert answer.headers["x-segue-arm"] == "stable"
        assert gate.count("segue_requests_total", release="1.0.0-other", arm="forced", outcome="ok") == 1


@pytest.mark.parametrize("name", ["candidate", "1.0.0-other"])
async def test_header_forces_a_release(engine: TritonEngine, tones: Tones, name: str) -> None:
    """x-segue-release reaches a release by role or version, and its headers say who spoke."""
    async with gateway(engine, table(9, stable=tones["good"], candidate=tones["other"])) as gate:
        answer, _ = await gate.say(headers={"x-segue-release": name})
        told = {key: value for key, value in answer.headers.items() if key.startswith("x-segue")}
        assert told == {
            "x-segue-service": "tone",
            "x-segue-release": "1.0.0-other",
            "x-segue-arm": "candidate",
            "x-segue-why": "forced",
            "x-segue-epoch": "9",
        }


async def test_header_for_an_absent_release_says_what_there_is(engine: TritonEngine, tones: Tones) -> None:
    """A release that is not in the table is a 404 that names those that are."""
    async with gateway(engine, table(1, stable=tones["good"])) as gate:
        answer, body = await gate.say(headers={"x-segue-release": "9.9.9"})
        assert answer.status == 404
        assert b"stable 1.0.0-good" in body


async def test_segment_hears_what_its_rule_says(engine: TritonEngine, tones: Tones) -> None:
    """A VIP hears the candidate by rule though chance gives it to nobody."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["other"])) as gate:
        answer, _ = await gate.say(headers={"x-segue-tier": "vip"})
        assert (answer.headers["x-segue-arm"], answer.headers["x-segue-why"]) == ("candidate", "segment")
        assert answer.headers["x-segue-segment"] == "vip"


async def test_utterance_ends_on_the_release_that_began_it(engine: TritonEngine, tones: Tones) -> None:
    """A swap while a release speaks changes the next utterance, not this one."""
    async with gateway(engine, table(1, stable=tones["slow"])) as gate:
        begun = asyncio.create_task(gate.say("One sentence. " * 30))
        await asyncio.sleep(0.2)
        gate.tables.offer(table(2, stable=tones["good"]))
        after, _ = await gate.say()
        assert not begun.done()
        before, _ = await begun
        assert (before.headers["x-segue-release"], before.headers["x-segue-epoch"]) == ("1.0.0-slow", "1")
        assert (after.headers["x-segue-release"], after.headers["x-segue-epoch"]) == ("1.0.0-good", "2")


async def test_browser_is_given_a_name_to_stick_to(engine: TritonEngine, tones: Tones) -> None:
    """A browser without a name gets a random one by cookie, and keeps its arm by it; other clients get none."""
    async with gateway(engine, table(1, stable=tones["good"], candidate=tones["other"], weight_bp=5000)) as gate:
        arms = set()
        for _ in range(12):
            answer, _ = await gate.say("Hi.", headers={"sec-fetch-mode": "cors"})
            arms.add(answer.headers["x-segue-arm"])
        assert len(arms) == 1
        cookies = {cookie.key for cookie in gate.http.cookie_jar}
        assert cookies == {"segue_user"}
        gate.http.cookie_jar.clear()
        plain, _ = await gate.say()
        named, _ = await gate.say(headers={"sec-fetch-mode": "cors"}, user="ann")
        assert "set-cookie" not in plain.headers
        assert "set-cookie" not in named.headers


async def test_wrong_requests_are_told_in_openais_shape(engine: TritonEngine, tones: Tones) -> None:
    """Unknown model and voice, an oversized body, a wrong method and path: each its status and a JSON error."""
    async with gateway(engine, table(1, stable=tones["good"])) as gate:
        cases = [
            (404, gate.http.post(SPEECH, json={"model": "nobody", "input": "Hi."})),
            (400, gate.http.post(SPEECH, json={"model": "tone", "input": "Hi.", "voice": "alloy"})),
            (413, gate.http.post(SPEECH, data=b" " * 200_000)),
            (405, gate.http.get(SPEECH)),
            (405, gate.http.post("/health")),
            (404, gate.http.get("/nothing")),
        ]
        for status, asked in cases:
            async with asked as answer:
                assert answer.status == status
                assert set((await answer.json())["error"]) == {"message", "type", "param", "code"}
        assert gate.count("segue_user_requests_total", code="400") == 1
        unknown = gate.metrics.registry.get_sample_value("segue_user_requests_total", {"service": "", "code": "404"})
        assert unknown == 1


async def test_it_says_what_it_serves(engine: TritonEngine, tones: Tones) -> None:
    """/version gives every arm's release and share; models and voices are listed; health and readiness answer."""
    async with gateway(engine, table(4, stable=tones["good"], candidate=tones["other"], weight_bp=500)) as gate:
        async with gate.http.get("/version") as answer:
            service = (await answer.json())["services"]["tone"]
        assert service["epoch"] == 4
        assert service["arms"][1] == {
            "role": "candidate",
            "weight_bp": 500,
            "model": "tone",
            "version": "1.0.0-other",
            "build_time": "2026-01-01T00:00:00+00:00",
            "sample_rate_hz": 44_100,
            "token_rate_hz": 20.0,
            "digest": tones["other"].digest,
            "ensemble": tones["other"].ensemble,
        }
        async with gate.http.get("/v1/models") as answer:
            assert [model["id"] for model in (await answer.json())["data"]] == ["tone"]
        async with gate.http.get("/v1/audio/voices") as answer:
            assert {voice["id"] for voice in (await answer.json())["data"]} == {"default", "tone"}
        async with gate.http.head("/health") as answer:
            assert answer.status == 200
        async with gate.http.get("/ready") as answer:
            assert (await answer.json())["epochs"] == {"tone": 4}
        async with gate.http.get("/metrics") as answer:
            assert 'segue_routing_epoch{service="tone"} 4.0' in await answer.text()
