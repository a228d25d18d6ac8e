"""The torch vocoder makes the package's own sound, and its release parameters move it by what they say."""

from typing import Any

import numpy as np
import pytest
import torch
from hibari import Hibari, dsp

from triton_models.hibari.vocoder.synth import OUT_RATE_HZ, RATE_HZ, gaussian, resample, synth, tilt, to_int16

SENTENCE = "She sells sea shells by the sea shore, and the quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def acoustic() -> tuple[list[Any], Any]:
    """What the neural net says of one sentence: five spectra, and the pitch curve in Hz."""
    voice = Hibari()
    (phonemes,) = voice.phonemize(SENTENCE)
    ids = np.asarray([voice.ids(phonemes)], np.int64)
    *spectra, f0_hz = (out[0] for out in voice.sess.run(None, {"ids": ids, "speed": np.ones(1, np.float32)}))
    return spectra, f0_hz


def tensors(acoustic: tuple[list[Any], Any]) -> tuple[Any, Any]:
    """The same in the half floats that travel between the stages."""
    spectra, f0_hz = acoustic
    return torch.from_numpy(np.stack(spectra)).half(), torch.from_numpy(f0_hz)


def centroid_hz(wave: Any) -> float:
    power = torch.fft.rfft(wave).abs() ** 2
    return float((power * torch.arange(len(power))).sum() / power.sum() * RATE_HZ / len(wave))


def test_same_sound_as_the_package(acoustic: tuple[list[Any], Any]) -> None:
    """With the same noise, the error against the package's numpy vocoder is at least 50 dB below the voice."""
    spectra, f0_hz = acoustic
    expected = dsp.synth(*spectra, f0_hz, np.random.default_rng(0))
    z = np.random.default_rng(0).standard_normal((601, 2 * len(f0_hz)), dtype=np.float32).view(np.complex64)
    wave = synth(*tensors(acoustic), torch.from_numpy(z)).numpy()
    assert len(wave) == len(expected)
    error = np.sum((wave - expected) ** 2) / np.sum(expected**2)
    assert 10 * np.log10(error) < -50
    assert np.corrcoef(wave, expected)[0, 1] > 0.9999


def test_same_text_is_the_same_sound(acoustic: tuple[list[Any], Any]) -> None:
    """With the noise of one seed a sentence is the same sample for sample; with another seed it is not."""
    spectra, f0_hz = tensors(acoustic)
    first, second, other = (synth(spectra, f0_hz, gaussian(len(f0_hz), seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_brightness_moves_the_spectrum(acoustic: tuple[list[Any], Any]) -> None:
    """A tilt of 2 dB an octave moves the spectrum's centre up by at least a quarter, -2 dB moves it down."""
    spectra, f0_hz = tensors(acoustic)
    noise = gaussian(len(f0_hz), 0)
    dull, plain, bright = (centroid_hz(synth(spectra, f0_hz, noise, tilt(db))) for db in (-2.0, 0.0, 2.0))
    assert dull < plain < bright
    assert bright > 1.25 * plain


def test_no_tilt_is_no_change(acoustic: tuple[list[Any], Any]) -> None:
    """A tilt of 0 dB gives what no tilt gives."""
    spectra, f0_hz = tensors(acoustic)
    noise = gaussian(len(f0_hz), 0)
    assert torch.equal(synth(spectra, f0_hz, noise), synth(spectra, f0_hz, noise, tilt(0.0)))


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_blip_of_a_few_frames_is_finite(frames: int) -> None:
    """Even one frame, shorter than the transform's window, becomes finite samples of the right number."""
    wave = synth(torch.zeros(5, 601, frames), torch.full((frames,), 150.0), gaussian(frames, 0))
    assert wave.shape == (frames * 300,)
    assert torch.isfinite(wave).all()


@pytest.mark.parametrize("hz", [100.0, 1_000.0, 9_000.0])
def test_resampling_keeps_a_tone(hz: float) -> None:
    """A tone that fades in and out is the same tone at 44.1 kHz, to 60 dB, and lasts as long."""
    low, high = (torch.arange(rate, dtype=torch.float64) / rate for rate in (RATE_HZ, OUT_RATE_HZ))
    before, after = (torch.sin(2 * torch.pi * hz * t) * torch.sin(torch.pi * t) ** 2 for t in (low, high))
    error = resample(before.float()) - after
    assert float(error.square().sum() / after.square().sum()) < 1e-6


def test_loud_samples_are_held_at_full_scale() -> None:
    """What is louder than full scale is held there instead of wrapping around."""
    assert to_int16(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])).tolist() == [-32_767, -32_767, 0, 32_767, 32_767]
