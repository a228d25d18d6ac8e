"""The hard checks hear silence, clipping and nothing at all, and let ordinary speech pass."""

import array
import math

import pytest

from controller.quality.audio import Sound, fault, measure

RATE_HZ = 44_100


def tone(level: float, seconds: float = 0.5) -> bytes:
    """One sine of 220 Hz; above level 1 it is clipped, as a broken vocoder's output would be."""
    wave = (level * 32_767 * math.sin(2 * math.pi * 220 * n / RATE_HZ) for n in range(int(seconds * RATE_HZ)))
    return array.array("h", (round(max(-32_767, min(32_767, sample))) for sample in wave)).tobytes()


def test_sine_is_measured() -> None:
    """A sine of half scale has its length, its peak of a half and its RMS of a half over the square root of two."""
    sound = measure(tone(0.5), RATE_HZ)
    assert sound.audio_s == pytest.approx(0.5)
    assert sound.peak == pytest.approx(0.5, abs=1e-3)
    assert sound.rms == pytest.approx(0.5 / math.sqrt(2), abs=1e-3)
    assert sound.clipped == 0
    assert fault(sound) == ""


@pytest.mark.parametrize(
    ("pcm", "wrong"),
    [(b"", "no audio"), (tone(0), "silent"), (tone(0.001), "silent"), (tone(1.5), "clipped")],
    ids=["empty", "silence", "whisper", "clipped"],
)
def test_plainly_wrong_audio_is_named(pcm: bytes, wrong: str) -> None:
    """Audio that is missing, silent or clipped is named as such."""
    assert wrong in fault(measure(pcm, RATE_HZ))


def test_most_negative_sample_is_full_scale() -> None:
    """-32768, whose magnitude 16 bits cannot hold, counts as full scale and not as its own opposite."""
    assert measure(array.array("h", [-32_768] * 4).tobytes(), RATE_HZ) == Sound(4 / RATE_HZ, 1.0, 1.0, 1.0)


def test_half_a_sample_is_refused() -> None:
    """Bytes that are no whole number of samples are refused, not guessed at."""
    with pytest.raises(ValueError, match="multiple"):
        measure(b"\0\0\0", RATE_HZ)
