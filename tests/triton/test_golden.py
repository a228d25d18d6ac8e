"""Golden prompts on a real Triton: what a candidate must be able to say before users hear it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.core.gate import Outcome
from controller.core.names import Release
from controller.core.readings import Reading
from controller.observe.golden import LONGEST, Speaker, listen
from controller.outside.triton import Triton
from controller.parts.ports import LOOPBACK, free_port
from controller.parts.triton import Triton as Server
from triton_models.build import build

TONE = Path(__file__).parents[1] / "models/tone"


async def loaded(server: Server, triton: Triton, version: str, **parameters: str) -> Release:
    """Build and load a release of the tone family."""
    params = {f"voice.{name}": value for name, value in parameters.items()}
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    release = build(TONE, version, repository=server.repository, build_time=noon, params=params)
    await triton.load(release.ensemble)
    return release


async def heard(triton: Triton, candidate: Release, stable: Release, prompts: int, timeout_s: float = 5) -> Reading:
    """Let both releases speak on the one Triton that they live on."""
    homes = {"here:8000": triton}
    return await listen("golden", Speaker(candidate, homes), Speaker(stable, homes), prompts, timeout_s)


async def test_release_that_speaks_like_stable_passes(server: Server, triton: Triton) -> None:
    """Every prompt is spoken, each about as long as by stable, and the figure says how far apart they were."""
    stable = await loaded(server, triton, "1.4.0")
    candidate = await loaded(server, triton, "1.5.0", frequency_hz="660", pace="1.2")
    reading = await heard(triton, candidate, stable, 10)
    assert reading.outcome is Outcome.PASS
    (figure,) = reading.figures
    assert figure.value == pytest.approx(1.2, abs=0.01)
    assert (figure.limit, figure.samples) == (LONGEST, 10)


async def test_what_the_candidate_said_is_handed_on(server: Server, triton: Triton) -> None:
    """Each prompt with its endpoint and its samples, also the one by which it fails; what stable said is not."""
    stable = await loaded(server, triton, "1.4.0")
    candidate = await loaded(server, triton, "1.5.0", level="3")
    said: list[tuple[int, str, int]] = []

    def keep(prompt: int, endpoint: str, samples: bytes) -> None:
        said.append((prompt, endpoint, len(samples)))

    homes = {"here:8000": triton}
    reading = await listen("golden", Speaker(candidate, homes), Speaker(stable, homes), 2, 5, keep)
    assert reading.outcome is Outcome.FAIL
    assert {one[:2] for one in said} == {(1, "here:8000")}
    assert all(length > 44_100 for *_, length in said)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"max_characters": "60"}, "prompt 2 is not spoken: Triton at"),
        ({"level": "0"}, "prompt 1 is not spoken: The release tone__1_5_0"),
        ({"level": "3"}, "prompt 1 is not spoken: The release tone__1_5_0"),
        ({"pace": "2"}, "prompt 1 takes "),
        ({"pace": "0.5"}, "prompt 1 takes "),
    ],
)
async def test_release_that_does_not_speak_soundly_fails(
    server: Server, triton: Triton, fault: dict[str, str], reason: str
) -> None:
    """An error, silence, clipping, and a text that takes far longer or shorter than on stable each fail the probe."""
    stable = await loaded(server, triton, "1.4.0")
    candidate = await loaded(server, triton, "1.5.0", **fault)
    reading = await heard(triton, candidate, stable, 5)
    assert reading.outcome is Outcome.FAIL
    assert reading.reason.startswith(reason)


async def test_what_is_not_the_candidate_s_fault_fails_nobody(server: Server, triton: Triton) -> None:
    """A prompt that stable cannot speak, and a candidate that is not loaded just now, are no outcome."""
    stable = await loaded(server, triton, "1.4.0", max_characters="10")
    candidate = await loaded(server, triton, "1.5.0")
    reading = await heard(triton, candidate, stable, 5)
    assert reading.outcome is None
    assert reading.reason.startswith("stable does not speak prompt 1, so nothing is compared")
    await triton.unload(candidate.ensemble)
    sound = await loaded(server, triton, "1.3.0", frequency_hz="330")
    reading = await heard(triton, candidate, sound, 5)
    assert reading.outcome is None
    assert "is not loaded just now" in reading.reason


async def test_slow_candidate_has_no_outcome(server: Server, triton: Triton) -> None:
    """Who does not answer in time has said nothing: how long users wait is for others to judge."""
    stable = await loaded(server, triton, "1.4.0")
    candidate = await loaded(server, triton, "1.5.0", delay_s="2")
    reading = await heard(triton, candidate, stable, 2, 0.3)
    assert reading.outcome is None
    assert reading.reason.startswith("prompt 1 was not answered")


@pytest.fixture
async def nobody() -> AsyncIterator[Triton]:
    """A Triton that does not answer."""
    async with Triton(f"{LOOPBACK}:{free_port()}") as asking:
        yield asking


async def test_every_endpoint_of_a_candidate_must_speak(server: Server, triton: Triton, nobody: Triton) -> None:
    """Where one of its endpoints does not answer, the candidate has not passed; the reason names that endpoint."""
    stable, candidate = await loaded(server, triton, "1.4.0"), await loaded(server, triton, "1.5.0", pace="1.2")
    compared = Speaker(stable, {"a:8000": triton})
    both = await listen("golden", Speaker(candidate, {"a:8000": triton, "b:8000": triton}), compared, 2, 5)
    assert (both.outcome, both.reason) == (
        Outcome.PASS,
        "2 prompts are spoken on 2 endpoints, each about as long as by stable",
    )
    half = await listen("golden", Speaker(candidate, {"a:8000": nobody, "b:8000": triton}), compared, 2, 5)
    assert half.outcome is None
    assert half.reason.startswith("prompt 1 was not answered on a:8000: ")


async def test_endpoint_that_speaks_against_a_candidate_is_heard_beside_a_silent_one(
    server: Server, triton: Triton, nobody: Triton
) -> None:
    """One endpoint on which a prompt is not spoken fails the candidate, whatever another leaves open."""
    stable, candidate = await loaded(server, triton, "1.4.0"), await loaded(server, triton, "1.5.0", level="0")
    speaker = Speaker(candidate, {"a:8000": nobody, "b:8000": triton})
    reading = await listen("golden", speaker, Speaker(stable, {"a:8000": triton}), 2, 5)
    assert reading.outcome is Outcome.FAIL
    assert reading.reason.startswith("prompt 1 is not spoken on b:8000: ")


async def test_stable_is_heard_wherever_it_speaks(server: Server, triton: Triton, nobody: Triton) -> None:
    """What a candidate is compared with may come from any of stable's endpoints."""
    stable, candidate = await loaded(server, triton, "1.4.0"), await loaded(server, triton, "1.5.0", pace="1.2")
    compared = Speaker(stable, {"a:8000": nobody, "b:8000": triton})
    reading = await listen("golden", Speaker(candidate, {"b:8000": triton}), compared, 2, 5)
    assert reading.outcome is Outcome.PASS
