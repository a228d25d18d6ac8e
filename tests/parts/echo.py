"""The smallest Python stage: it answers what it was asked, and where its interpreter finds packages."""

from pathlib import Path

import tritonclient.grpc as triton_grpc

from controller.parts.triton import Triton

_CONFIG = """
name: "echo"
backend: "python"
max_batch_size: 0
input [{ name: "ASK", data_type: TYPE_STRING, dims: [1] }]
output [
  { name: "ANSWER", data_type: TYPE_STRING, dims: [1] },
  { name: "SITE", data_type: TYPE_STRING, dims: [1] }
]
instance_group [{ count: 1, kind: KIND_CPU }]
"""

_MODEL = """
import os, site, sys
sys.dont_write_bytecode = True
site.addsitedir(os.environ["SEGUE_SITE"])
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        ask = pb_utils.get_input_tensor_by_name(request, "ASK").as_numpy()
        site_of_numpy = np.array([np.__file__.encode()], dtype=object)
        return pb_utils.InferenceResponse([pb_utils.Tensor("ANSWER", ask), pb_utils.Tensor("SITE", site_of_numpy)])
"""


def write_echo(repository: Path) -> Path:
    """Write the model into a repository folder and give the folder back."""
    version = repository / "echo" / "1"
    version.mkdir(parents=True, exist_ok=True)
    (repository / "echo" / "config.pbtxt").write_text(_CONFIG)
    (version / "model.py").write_text(_MODEL)
    return repository


def load_echo(server: Triton) -> None:
    """Load the model by name over gRPC."""
    with triton_grpc.InferenceServerClient(server.grpc) as client:
        client.load_model("echo")
