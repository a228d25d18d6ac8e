"""
The vocoder stage: spectra of some sentences in, their sound out, 44.1 kHz int16.

The noise is seeded by the sentence's place in the utterance, so the same text is the same sound, sample for sample.
"""

import os
import site

# Triton's stub is an isolated interpreter: it reads no PYTHONPATH, so the stage itself says where its packages are.
site.addsitedir(os.environ["SEGUE_SITE"])

import json
from collections import deque
from typing import Any

import torch
import triton_python_backend_utils as pb

from .resident import Resident  # type: ignore[import-untyped]  # the build puts it there
from .synth import gaussian, resample, synth, tilt, to_int16

_RANGES = (
    ("max_frames", 0, 1e6),
    ("brightness_db", -12, 12),
    ("pitch_semitones", -12, 12),
    ("passes", 1, 64),
    ("recent", 0, 1e6),
)
# Sentences of one utterance are seeded by their place; further draws of their noise must be nobody's first.
_SEEDS_APART = 10_000


class TritonPythonModel:
    """The stage as Triton's Python backend knows it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the release's parameters; one that is no number, or out of range, fails the load."""
        config = json.loads(args["model_config"])["parameters"]
        values = {key: float(value["string_value"]) for key, value in config.items()}
        for key, least, most in _RANGES:
            if not least <= values[key] <= most:
                raise pb.TritonModelException(f"vocoder: {key} is {values[key]:g}; give {least} to {most:g}")
        # One thread a stage: requests run side by side, and threads of one would only wait for those of another.
        torch.set_num_threads(1)
        self.device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        self.max_frames = int(values["max_frames"])
        self.passes = int(values["passes"])
        self.recent: deque[Any] = deque(maxlen=int(values["recent"]))
        self.pitch = 2 ** (values["pitch_semitones"] / 12)
        self.tilt = tilt(values["brightness_db"]).to(self.device) if values["brightness_db"] else None
        # FFT plans and kernels are made on first use; better now than in somebody's request.
        self._speak(torch.zeros(5, 601, 80), torch.full((80,), 200.0), [80])
        self.resident = Resident(args)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request on its own: one that fails costs none of its neighbours."""
        self.resident.tell()
        return [self._answer(request) for request in requests]

    def finalize(self) -> None:
        """Leave nothing behind in Triton."""
        self.resident.end()

    def _answer(self, request: Any) -> Any:
        spectra, f0_hz, frames = (
            torch.from_dlpack(pb.get_input_tensor_by_name(request, name).to_dlpack())
            for name in ("spectra", "f0_hz", "frames")
        )
        if self.max_frames and len(f0_hz) > self.max_frames:
            reason = f"vocoder: {len(f0_hz)} frames do not fit into the buffer of {self.max_frames}"
            return pb.InferenceResponse(error=pb.TritonError(reason))
        if self.recent.maxlen:
            self.recent.append(spectra.float())
        audio = self._speak(spectra, f0_hz, frames.tolist())
        return pb.InferenceResponse(output_tensors=[pb.Tensor("audio", audio.numpy())])

    def _speak(self, spectra: Any, f0_hz: Any, frames: list[int]) -> Any:
        with torch.inference_mode():
            sentences = zip(spectra.split(frames, 2), f0_hz.split(frames), strict=True)
            return torch.cat([self._sentence(*sentence, seed) for seed, sentence in enumerate(sentences)])

    def _sentence(self, spectra: Any, f0_hz: Any, seed: int) -> Any:
        spectra, f0_hz = spectra.to(self.device), f0_hz.to(self.device) * self.pitch
        draws = range(seed, seed + self.passes * _SEEDS_APART, _SEEDS_APART)
        waves = [synth(spectra, f0_hz, gaussian(len(f0_hz), one, self.device), self.tilt) for one in draws]
        return to_int16(resample(sum(waves) / len(waves))).cpu()
