"""
The acoustic stage: phoneme ids of some sentences in, their spectra out.

Spectra travel as half floats: they are logarithms and angles, where a half float's error is far below hearing, and a
page of text makes a quarter of a gigabyte of them in full floats.
"""

import os
import site

# Triton's stub is an isolated interpreter: it reads no PYTHONPATH, so the stage itself says where its packages are.
site.addsitedir(os.environ["SEGUE_SITE"])

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb

from .resident import Resident  # type: ignore[import-untyped]  # the build puts it there

SLOWEST, FASTEST = 0.25, 4.0


class TritonPythonModel:
    """The stage as Triton's Python backend knows it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the net; a file that is none, or a pace out of range, fails the load."""
        config = json.loads(args["model_config"])["parameters"]
        net = Path(args["model_repository"], args["model_version"], config["net_file"]["string_value"])
        self.pace = float(config["pace"]["string_value"])
        if not SLOWEST <= self.pace <= FASTEST:
            raise pb.TritonModelException(f"acoustic: pace is {self.pace:g}; give {SLOWEST} to {FASTEST}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The arena would keep the memory of the longest page ever spoken.
        options.enable_cpu_mem_arena = False
        self.session = onnxruntime.InferenceSession(str(net), options, providers=["CPUExecutionProvider"])
        self._speak([np.zeros(8, np.int64)], 1.0)
        self.resident = Resident(args)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request on its own: one that fails costs none of its neighbours."""
        self.resident.tell()
        return [self._answer(request) for request in requests]

    def finalize(self) -> None:
        """Leave nothing behind in Triton."""
        self.resident.end()

    def _answer(self, request: Any) -> Any:
        ids, lengths, speeds = (
            pb.get_input_tensor_by_name(request, name).as_numpy() for name in ("ids", "sentences", "speed")
        )
        speed = float(speeds.reshape(-1)[0])
        if not SLOWEST <= speed <= FASTEST:
            reason = f"speed is {speed:g}; give {SLOWEST} to {FASTEST}"
            return pb.InferenceResponse(error=pb.TritonError(reason, pb.TritonError.INVALID_ARG))
        spectra, f0_hz, frames = self._speak(np.split(ids, np.cumsum(lengths)[:-1]), speed)
        return pb.InferenceResponse(
            output_tensors=[pb.Tensor("spectra", spectra), pb.Tensor("f0_hz", f0_hz), pb.Tensor("frames", frames)]
        )

    def _speak(self, sentences: list[np.ndarray[Any, Any]], speed: float) -> tuple[np.ndarray[Any, Any], ...]:
        parts, curves = [], []
        pace = np.array([speed * self.pace], np.float32)
        for ids in sentences:
            *spectra, f0_hz = self.session.run(None, {"ids": ids[None], "speed": pace})
            # Half floats at once: a page's full floats are never held together.
            parts.append(np.concatenate(spectra, dtype=np.float16, casting="same_kind"))
            curves.append(f0_hz[0])
        frames = np.array([len(curve) for curve in curves], np.int32)
        return np.concatenate(parts, axis=2), np.concatenate(curves), frames
