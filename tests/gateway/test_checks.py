"""What is plainly wrong with audio."""

import numpy as np
import pytest

from controller.gateway.checks import Check, check_audio

RATE_HZ = 44_100


def tone(seconds: float, level: float = 0.5) -> bytes:
    """Return a tone; above level 1 it is clipped."""
    wave = level * np.sin(2 * np.pi * 220 / RATE_HZ * np.arange(int(seconds * RATE_HZ)))
    return bytes((np.clip(wave, -1, 1) * 32_767).astype("<i2").data)


@pytest.mark.parametrize(
    ("audio", "found"),
    [
        (tone(2), None),
        (tone(2, level=1.0), None),
        (b"", Check.EMPTY),
        (tone(2)[:-1], Check.TORN),
        (bytes(200_000), Check.SILENT),
        (tone(2, level=0.001), Check.SILENT),
        (tone(2, level=2), Check.CLIPPED),
        (tone(0.1), Check.SHORT),
        (tone(60), Check.LONG),
    ],
)
def test_audio_of_forty_characters(audio: bytes, found: Check | None) -> None:
    """Two seconds at any healthy level are fine for forty letters; each fault has its name."""
    assert check_audio(audio, RATE_HZ, 40, 1.0) is found


def test_speed_is_allowed_for() -> None:
    """Quick speech is shorter and is not called short for it."""
    assert check_audio(tone(0.2), RATE_HZ, 40, 4.0) is None


def test_only_what_nobody_can_listen_to_is_unusable() -> None:
    """No audio, half samples and silence are failures; the rest is counted and sent."""
    assert [check for check in Check if check.unusable] == [Check.EMPTY, Check.TORN, Check.SILENT]
