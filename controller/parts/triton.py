"""A Triton inference server on CPU, from the binary that the wheel `nvidia-pytriton` carries."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from controller.parts.http import answers_ok
from controller.parts.installed import folder as installed_folder
from controller.parts.installed import site_packages
from controller.parts.ports import LOOPBACK, free_ports
from controller.parts.process import Process, Program

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Triton's Python backend puts its regions


class Triton(Process):
    """A running server under explicit model control: it holds no model until one is loaded by name."""

    def __init__(self, folder: Path, repository: Path, ports: tuple[int, int, int], env: Mapping[str, str]) -> None:
        http, grpc, metrics = ports
        self.http = f"{LOOPBACK}:{http}"
        self.grpc = f"{LOOPBACK}:{grpc}"
        self.metrics = f"http://{LOOPBACK}:{metrics}/metrics"
        self.repository = repository
        self.region_prefix = f"segue_triton_{http}_"
        super().__init__(
            Program("triton", self._argv(ports), folder, env={**_environment(), **env}, grace_s=20),
            ready=lambda: answers_ok(http, "/v2/health/ready"),
            deadline_s=60,
        )

    def kill(self) -> None:
        """End the server and its model stages at once, and give back the shared memory that a crash leaves."""
        super().kill()
        for region in _SHARED_MEMORY.glob(f"{self.region_prefix}*"):
            with suppress(FileNotFoundError):
                region.unlink()

    def _argv(self, ports: tuple[int, int, int]) -> list[str]:
        http, grpc, metrics = ports
        return [
            str(installed_folder("triton") / "pytriton/tritonserver/bin/tritonserver"),
            f"--model-repository={self.repository}",
            f"--backend-directory={installed_folder('triton/backends')}",
            "--model-control-mode=explicit",
            # Ready means the server answers; whether a model is ready is asked per model, and by a real inference.
            "--strict-readiness=false",
            # Our configs are complete; completing them would start every stage twice.
            "--disable-auto-complete-config",
            f"--http-address={LOOPBACK}",
            f"--http-port={http}",
            "--http-thread-count=2",
            f"--grpc-address={LOOPBACK}",
            f"--grpc-port={grpc}",
            f"--metrics-address={LOOPBACK}",
            f"--metrics-port={metrics}",
            "--exit-timeout-secs=10",
            "--backend-config=python,shm-default-byte-size=1048576",
            f"--backend-config=python,shm-region-prefix-name={self.region_prefix}",
        ]


def start_triton(
    folder: Path,
    repository: Path,
    *,
    ports: tuple[int, int, int] | None = None,
    env: Mapping[str, str] | None = None,
) -> Triton:
    """
    Start a server for the model repository (created when missing), with its log in folder.

    ports: HTTP, gRPC, metrics; free ones when None. env is added to what the model stages see.
    """
    repository.mkdir(parents=True, exist_ok=True)
    server = Triton(folder.resolve(), repository.resolve(), ports or _three_ports(), env or {})
    server.start()
    return server


def _three_ports() -> tuple[int, int, int]:
    http, grpc, metrics = free_ports(3)
    return http, grpc, metrics


def _environment() -> dict[str, str]:
    libraries = [str(installed_folder("triton/nvidia_pytriton.libs")), os.environ.get("LD_LIBRARY_PATH", "")]
    return {
        "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
        # The stub runs an isolated interpreter that reads no PYTHONPATH: model.py adds this folder itself.
        "SEGUE_SITE": str(site_packages()),
        # Each stage is a process of its own: one thread each, or they fight over the same cores.
        "OMP_NUM_THREADS": "1",
    }
