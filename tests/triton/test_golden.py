"""Golden prompts on a real Triton: what a candidate must be able to say before users hear it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.core.gate import Outcome
from controller.core.names import Release
from controller.observe.golden import LONGEST, listen
from controller.outside.triton import Triton
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


async def test_release_that_speaks_like_stable_passes(server: Server, triton: Triton) -> None:
    """Every prompt is spoken, each about as long as by stable, and the figure says how far apart they were."""
    stable = await loaded(server, triton, "1.4.0")
    candidate = await loaded(server, triton, "1.5.0", frequency_hz="660", pace="1.2")
    reading = await listen(triton, "golden", candidate, stable, 10, 5)
    assert reading.outcome is Outcome.PASS
    (figure,) = reading.figures
    assert figure.value == pytest.approx(1.2, abs=0.01)
    assert (figure.limit, figure.samples) == (LONGEST, 10)


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
    reading = await listen(triton, "golden", candidate, stable, 5, 5)
    assert reading.outcome is Outcome.FAIL
    assert reading.reason.startswith(reason)


async def test_what_is_not_the_candidate_s_fault_fails_nobody(server: Server, triton: Triton) -> None:
    """A prompt that stable cannot speak, and a candidate that is not loaded just now, are no outcome."""
    stable = await loaded(server, triton, "1.4.0", max_characters="10")
    candidate = await loaded(server, triton, "1.5.0")
    reading = await listen(triton, "golden", candidate, stable, 5, 5)
    assert reading.outcome is None
    assert reading.reason.startswith("stable does not speak prompt 1, so nothing is compared")
    await triton.unload(candidate.ensemble)
    sound = await loaded(server, triton, "1.3.0", frequency_hz="330")
    reading = await listen(triton, "golden", candidate, sound, 5, 5)
    assert reading.outcome is None
    assert "is not loaded just now" in reading.reason


async def test_slow_candidate_has_no_outcome(server: Server, triton: Triton) -> None:
    """Who does not answer in time has said nothing: how long users wait is for others to judge."""
    stable = await loaded(server, triton, "1.4.0")
    candidate = await loaded(server, triton, "1.5.0", delay_s="2")
    reading = await listen(triton, "golden", candidate, stable, 2, 0.3)
    assert reading.outcome is None
    assert reading.reason.startswith("prompt 1 was not answered")
