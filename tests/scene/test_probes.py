"""What a release said to golden prompts is kept until it is known whether a scene needs it."""

import os
import wave
from pathlib import Path

import pytest

from controller.scene.draft import Draft
from controller.scene.probes import Probes, keep_audio

SAMPLES = bytes(range(200)) * 100


@pytest.fixture
def probes(tmp_path: Path) -> Probes:
    """Room for one MiB a rollout."""
    return Probes(tmp_path, 1)


def test_a_scene_takes_over_what_was_said_last(probes: Probes, tmp_path: Path) -> None:
    """As WAV, one file for each prompt and endpoint; a prompt that was spoken again counts once."""
    for samples in (b"\0\0" * 10, SAMPLES):
        probes.keep("hibari-2", 1, "triton-a:8000", samples, 24_000)
    probes.keep("hibari-2", 2, "triton-a:8000", SAMPLES, 24_000)
    probes.keep("hibari-3", 1, "triton-a:8000", SAMPLES, 24_000)
    with Draft(tmp_path, "hibari-2") as draft:
        keep_audio(draft, probes, "hibari-2")
        assert [(one.name, one.holds) for one in draft.files] == [
            ("audio/01-triton-a_8000.wav", "golden prompt 1, spoken on triton-a_8000"),
            ("audio/02-triton-a_8000.wav", "golden prompt 2, spoken on triton-a_8000"),
        ]
        (file,) = tmp_path.glob(".hibari-2.*/audio/01-*")
        with wave.open(str(file)) as spoken:
            assert (spoken.getframerate(), spoken.getnchannels()) == (24_000, 1)
            assert spoken.readframes(len(SAMPLES)) == SAMPLES


def test_what_is_kept_is_bounded(probes: Probes) -> None:
    """Once a rollout has all that it may, further prompts are left out; a known one is still replaced."""
    for prompt in range(1, 10):
        probes.keep("hibari-2", prompt, "a", b"\1\0" * 150_000, 24_000)
    assert [file.stem for file in probes.of("hibari-2")] == ["01-a", "02-a", "03-a"]
    probes.keep("hibari-2", 3, "a", SAMPLES, 24_000)
    assert [file.stat().st_size for file in probes.of("hibari-2")][-1] == len(SAMPLES) + 44


def test_what_no_scene_needed_goes_after_a_while(probes: Probes, tmp_path: Path) -> None:
    """Of rollouts that went well nothing stays for ever; those that ran lately keep theirs."""
    for rollout in ("hibari-2", "hibari-3"):
        probes.keep(rollout, 1, "a", SAMPLES, 24_000)
    os.utime(tmp_path / ".probes" / "hibari-2", (0, 0))
    probes.tidy(1_000)
    assert not list(probes.of("hibari-2"))
    assert list(probes.of("hibari-3"))


def test_that_none_is_kept_is_said(tmp_path: Path) -> None:
    """Where settings turn it off, the scene lacks it aloud."""
    with Draft(tmp_path, "hibari-2") as draft:
        keep_audio(draft, None, "hibari-2")
        assert [one.why for one in draft.missing] == ["SEGUE_SCENE_AUDIO_MIB is 0: none is kept"]
