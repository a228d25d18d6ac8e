"""
One tone, as long as its text: 50 ms a character at speed 1.

Each fault that a journey needs is a parameter of the release: slow (`delay_s`), slow to load (`load_s`), failing on
long texts (`max_characters`), silent or clipped (`level` 0 or above 1), drawling (`pace` above 1), hungry for memory
(`held_mib`).
"""

import os
import site

# Triton's stub is an isolated interpreter: it reads no PYTHONPATH, so the stage itself says where its packages are.
site.addsitedir(os.environ["SEGUE_SITE"])

import json
import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb

from .resident import Resident  # type: ignore[import-untyped]  # the build puts it there

SAMPLE_RATE_HZ = 44_100
SECONDS_PER_CHARACTER = 0.05


class TritonPythonModel:
    """The stage as Triton's Python backend knows it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the release's parameters; a value that is no number, or out of range, fails the load."""
        parameters = {
            key: value["string_value"] for key, value in json.loads(args["model_config"])["parameters"].items()
        }
        self.frequency_hz = float(parameters["frequency_hz"])
        self.delay_s = float(parameters["delay_s"])
        self.max_characters = int(parameters["max_characters"])
        self.level = float(parameters["level"])
        self.pace = float(parameters["pace"])
        time.sleep(float(parameters["load_s"]))
        # Written to, or the kernel would not give it.
        self.held = np.ones(int(float(parameters["held_mib"]) * 2**20), np.uint8)
        if not 20 <= self.frequency_hz <= SAMPLE_RATE_HZ / 2:
            raise pb.TritonModelException(f"tone: voice.frequency_hz is {self.frequency_hz:g}; give 20 to 22050")
        self.resident = Resident(args)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request on its own: one that fails costs none of its neighbours."""
        self.resident.tell()
        return [self._answer(request) for request in requests]

    def finalize(self) -> None:
        """Leave nothing behind in Triton."""
        self.resident.end()

    def _answer(self, request: Any) -> Any:
        text = pb.get_input_tensor_by_name(request, "text").as_numpy().reshape(-1)[0].decode("utf-8", "replace")
        speed = float(pb.get_input_tensor_by_name(request, "speed").as_numpy().reshape(-1)[0])
        if not text.strip() or not speed > 0:
            reason = "tone: nothing to speak: the text is empty or the speed is not above 0"
            return pb.InferenceResponse(error=pb.TritonError(reason, pb.TritonError.INVALID_ARG))
        time.sleep(self.delay_s)
        if len(text) > self.max_characters:
            return pb.InferenceResponse(
                error=pb.TritonError(f"tone: {len(text)} characters is more than this release's {self.max_characters}")
            )
        samples = np.arange(int(len(text) * SECONDS_PER_CHARACTER * self.pace / speed * SAMPLE_RATE_HZ))
        wave = self.level * np.sin(2 * np.pi * self.frequency_hz / SAMPLE_RATE_HZ * samples)
        audio = (np.clip(wave, -1, 1) * 32_767).astype(np.int16)
        return pb.InferenceResponse(output_tensors=[pb.Tensor("audio", audio)])
