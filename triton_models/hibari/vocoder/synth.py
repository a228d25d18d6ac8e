"""
The vocoder's signal processing, in torch: the same sums as the package's numpy vocoder, then 24 kHz to 44.1 kHz.

    S = exp(lh) e^(i pi tanh(theta)) STFT(pulses(f0)) + exp(ln) Z + exp(lr) e^(i phi)

with Z complex Gaussian noise. Frames are 12.5 ms: 300 samples at 24 kHz.
"""

import math

import torch
from torch import Tensor

N_FFT, HOP, RATE_HZ, OUT_RATE_HZ = 1200, 300, 24_000, 44_100
BINS = N_FFT // 2 + 1
_UP, _DOWN = 147, 80
_VOICED_ABOVE_HZ = 40.0
_HARMONICS_BELOW_HZ = 11_000.0
_LOUDEST_LOG = 7.0
_PIVOT_HZ = 1_000.0


def synth(spectra: Tensor, f0_hz: Tensor, noise: Tensor, tilt: Tensor | None = None) -> Tensor:
    """
    Make the waveform of one sentence.

    spectra: [5, 601, frames] (lh, theta, ln, lr, phi). f0_hz: [frames], unvoiced below 40.
    noise: complex [601, frames]. tilt: [601], added to every log magnitude.
    Returns float32 [frames * 300] at 24 kHz, about -1 to 1.
    """
    lh, theta, ln, lr, phi = spectra.float()
    if tilt is not None:
        lh, ln, lr = (log + tilt[:, None] for log in (lh, ln, lr))
    window = torch.hann_window(N_FFT, device=f0_hz.device)
    source = pulses(f0_hz)
    edge = "reflect" if source.numel() > N_FFT // 2 else "constant"  # a blip has too little to mirror
    source = torch.stft(source, N_FFT, HOP, window=window, pad_mode=edge, return_complex=True)[:, : f0_hz.numel()]
    # A unit cosine peaks at half the window's sum in an STFT, so exp(lh) is the harmonic's magnitude.
    spectrum = source * torch.polar(_magnitude(lh) / (N_FFT / 4), math.pi * torch.tanh(theta))
    spectrum += noise * _magnitude(ln)
    spectrum += torch.polar(_magnitude(lr), phi)
    return _overlap_add(spectrum, window)


def pulses(f0_hz: Tensor) -> Tensor:
    """
    Give a band-limited pulse train, [frames * 300] at 24 kHz: every harmonic below 11 kHz at unit amplitude.

    In closed form: sum over h <= H of cos(h t) = sin((H + 1/2) t) / (2 sin(t / 2)) - 1/2; silent where unvoiced.
    """
    f0 = torch.nn.functional.interpolate(f0_hz[None, None], scale_factor=float(HOP), mode="linear")[0, 0]
    voiced = f0 > _VOICED_ABOVE_HZ
    f0 = f0.clamp(min=_VOICED_ABOVE_HZ)
    # Double for the running sum: a float's phase drifts audibly within a sentence.
    turns = torch.cumsum(f0.double(), 0) / RATE_HZ
    phase = (turns.frac() * (2 * math.pi)).float()
    harmonics = torch.floor(_HARMONICS_BELOW_HZ / f0) + 0.5
    below = 2 * torch.sin(phase / 2)
    at_zero = below.abs() <= 2e-3
    pulse = torch.where(at_zero, harmonics, torch.sin(harmonics * phase) / below.masked_fill(at_zero, 1)) - 0.5
    return pulse.masked_fill(~voiced, 0)


def gaussian(frames: int, seed: int, device: str = "cpu") -> Tensor:
    """Draw complex noise, [601, frames], unit variance in each component; the same for the same seed on one device."""
    draws = torch.Generator(device).manual_seed(seed)
    return torch.view_as_complex(torch.randn(BINS, frames, 2, generator=draws, device=device))


def tilt(db_per_octave: float) -> Tensor:
    """Give the log magnitude, [601], that brightens a voice by so many dB each octave above 1 kHz (and dulls below)."""
    hz = torch.arange(BINS) * (RATE_HZ / N_FFT)
    octaves = torch.log2(hz.clamp(min=RATE_HZ / N_FFT) / _PIVOT_HZ).clamp(-3, 3)
    return octaves * (db_per_octave * math.log(10) / 20)


def resample(wave: Tensor) -> Tensor:
    """Bring a sentence from 24 kHz to 44.1 kHz, exactly band-limited: a longer inverse of its own spectrum."""
    # Whole groups of 80 samples become groups of 147; a multiple of 16 groups keeps the FFT's factors small.
    groups = math.ceil((wave.numel() + RATE_HZ // 100) / (16 * _DOWN)) * 16
    bins = torch.fft.rfft(wave, groups * _DOWN)
    out = torch.fft.irfft(bins, groups * _UP) * (_UP / _DOWN)
    return out[: round(wave.numel() * _UP / _DOWN)]


def to_int16(wave: Tensor) -> Tensor:
    """Turn -1 to 1 into 16-bit samples; what is louder is held at full scale."""
    return (wave.clamp(-1, 1) * 32_767).to(torch.int16)


def _magnitude(log: Tensor) -> Tensor:
    return log.clamp(max=_LOUDEST_LOG).exp()


def _overlap_add(spectrum: Tensor, window: Tensor) -> Tensor:
    """Invert an STFT of frames centred on every 300th sample. torch.istft would drop the tail of the last frames."""
    frames = spectrum.shape[1]
    blocks = N_FFT // HOP
    pieces = (torch.fft.irfft(spectrum.T, N_FFT) * window).view(frames, blocks, HOP)
    weights = (window * window).view(blocks, HOP)
    wave = pieces.new_zeros(frames + blocks - 1, HOP)
    weight = torch.zeros_like(wave)
    for block in range(blocks):
        wave[block : block + frames] += pieces[:, block]
        weight[block : block + frames] += weights[block]
    wave /= weight.clamp(min=1e-11)
    return wave.reshape(-1)[N_FFT // 2 : N_FFT // 2 + frames * HOP]
