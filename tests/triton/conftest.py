"""One Triton for this folder, its repository empty until a test builds into it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from controller.outside.triton import Triton
from controller.parts.triton import Triton as Server
from controller.parts.triton import start_triton


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that nothing was loaded into yet."""
    folder = tmp_path_factory.mktemp("triton")
    with start_triton(folder, folder / "repository") as running:
        yield running


@pytest.fixture
async def triton(server: Server) -> AsyncIterator[Triton]:
    """What Segue asks the server through; what a test loads is unloaded after it."""
    async with Triton(server.grpc) as asking:
        before = await asking.loaded()
        yield asking
        for ensemble in await asking.loaded() - before:
            await asking.unload(ensemble)
