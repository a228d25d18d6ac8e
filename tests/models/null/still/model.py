"""Two seconds of one tone, made once: what is left of an inference is Triton's own cost."""

import os
import site

# Triton's stub is an isolated interpreter: it reads no PYTHONPATH, so the stage itself says where its packages are.
site.addsitedir(os.environ["SEGUE_SITE"])

from typing import Any

import numpy as np
import triton_python_backend_utils as pb

SAMPLE_RATE_HZ = 44_100
SECONDS = 2


class TritonPythonModel:
    """The stage as Triton's Python backend knows it."""

    def initialize(self, _args: dict[str, str]) -> None:
        """Make the audio."""
        samples = np.arange(SECONDS * SAMPLE_RATE_HZ)
        self.audio = (16_000 * np.sin(2 * np.pi * 220 / SAMPLE_RATE_HZ * samples)).astype(np.int16)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each with the same."""
        return [pb.InferenceResponse(output_tensors=[pb.Tensor("audio", self.audio)]) for _ in requests]
