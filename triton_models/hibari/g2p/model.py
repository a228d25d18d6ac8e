"""
The g2p stage: one text in, phoneme ids of its sentences out.

A text that cannot be read aloud is answered with an INVALID_ARG error and a reason; the stage lives on.
"""

import os
import site

# Triton's stub is an isolated interpreter: it reads no PYTHONPATH, so the stage itself says where its packages are.
site.addsitedir(os.environ["SEGUE_SITE"])

import json
from importlib.metadata import version
from typing import Any

import numpy as np
import triton_python_backend_utils as pb
from hibari.g2p import G2P
from hibari.tts import ASSETS, Hibari

from .resident import Resident  # type: ignore[import-untyped]  # the build puts it there
from .text import Unspeakable, clean, sentences


class TritonPythonModel:
    """The stage as Triton's Python backend knows it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load dictionary and rules; a wrong parameter or package fails the load."""
        config = json.loads(args["model_config"])["parameters"]
        parameters = {key: value["string_value"] for key, value in config.items()}
        package, _, wanted = parameters["package"].partition("==")
        if (installed := version(package)) != wanted:
            raise pb.TritonModelException(f"g2p: {package} {installed} is installed; this release needs {wanted}")
        if parameters["accent"] not in ("us", "gb"):
            raise pb.TritonModelException(f'g2p: accent is {parameters["accent"]!r}; choose "us" or "gb"')
        self.max_characters = int(parameters["max_characters"])
        self.g2p = G2P(british=parameters["accent"] == "gb")
        with open(os.path.join(ASSETS, "vocab.json"), encoding="utf-8") as vocabulary:
            self.vocabulary: dict[str, int] = json.load(vocabulary)
        # The first word unknown to the dictionary loads a net; better now than in somebody's request.
        self._ids(b"Warming up, Xyzzyqu.")
        self.resident = Resident(args)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request on its own: one that fails costs none of its neighbours."""
        self.resident.tell()
        return [self._answer(request) for request in requests]

    def finalize(self) -> None:
        """Leave nothing behind in Triton."""
        self.resident.end()

    def _answer(self, request: Any) -> Any:
        raw = pb.get_input_tensor_by_name(request, "text").as_numpy().reshape(-1)[0]
        try:
            ids = self._ids(raw)
        except Unspeakable as error:
            return pb.InferenceResponse(error=pb.TritonError(str(error), pb.TritonError.INVALID_ARG))
        return pb.InferenceResponse(
            output_tensors=[
                pb.Tensor("ids", np.concatenate(ids)),
                pb.Tensor("sentences", np.array([len(sentence) for sentence in ids], np.int32)),
            ]
        )

    def _ids(self, raw: bytes) -> list[np.ndarray[Any, Any]]:
        text = clean(raw, self.max_characters)
        try:
            phonemes = [self.g2p(sentence) for sentence in Hibari.split_sentences(text)]
        except Exception as error:  # the reader is somebody else's code, and text is anybody's
            raise Unspeakable(f"the text cannot be read aloud ({type(error).__name__}: {error})") from error
        # 0 stands before and after a sentence; what the vocabulary does not know is silent.
        ids = [
            np.array([0, *known, 0], np.int64)
            for sentence in sentences(phonemes)
            if (known := [self.vocabulary[phoneme] for phoneme in sentence if phoneme in self.vocabulary])
        ]
        if not ids:
            raise Unspeakable("the text has nothing in it that this voice can speak; it reads English")
        return ids
