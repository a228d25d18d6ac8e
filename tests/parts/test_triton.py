"""A local Triton serves nothing unasked, runs Python stages in our packages, and leaves no shared memory behind."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc

from controller.parts.installed import site_packages
from controller.parts.triton import Triton, start_triton
from tests.parts.echo import load_echo, write_echo


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Triton]:
    with start_triton(tmp_path, write_echo(tmp_path / "repository")) as running:
        yield running


def test_no_model_is_loaded_unasked(server: Triton) -> None:
    """The server is ready with a model in its repository that nobody loaded."""
    with triton_grpc.InferenceServerClient(server.grpc) as client:
        assert client.is_server_ready()
        assert not client.is_model_ready("echo")


def test_stage_answers_from_our_packages(server: Triton) -> None:
    """A Python stage that is loaded by name answers, and imports from the site-packages of the parent's Python."""
    load_echo(server)
    ask = triton_grpc.InferInput("ASK", [1], "BYTES")
    ask.set_data_from_numpy(np.array([b"hello"], dtype=object))
    with triton_grpc.InferenceServerClient(server.grpc) as client:
        answer = client.infer("echo", [ask])
    assert answer.as_numpy("ANSWER").tolist() == [b"hello"]
    assert answer.as_numpy("SITE").tolist()[0].decode().startswith(str(site_packages()))


def test_crash_leaves_no_shared_memory(server: Triton) -> None:
    """Killing the server with a stage loaded gives back the shared memory of the two."""
    load_echo(server)
    assert regions(server)
    server.kill()
    assert regions(server) == []


def regions(server: Triton) -> list[Path]:
    """Return the shared memory of one server; others, whose own comes and goes meanwhile, may run beside it."""
    return list(Path("/dev/shm").glob(f"{server.region_prefix}*"))  # noqa: S108 - where Triton puts it
