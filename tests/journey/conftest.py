"""The world of the journeys: started once for each store, used by all scenarios, each with services of its own."""

import gc
import itertools
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from controller.parts.postgres import start_postgres
from tests.journey.starting import running_world
from tests.journey.world import Tale, World

_numbers = itertools.count(1)

# kafka-python drops the socket of each refused connection unclosed; some scenarios take Kafka away on purpose.
_LEAKS = "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Forgive kafka-python's sockets, in journeys alone."""
    for item in items:
        if "journey" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings(_LEAKS))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Segue on one store, with all outside parts."""
    folder: Path = tmp_path_factory.mktemp(f"world-{request.param}")
    with ExitStack() as stack:
        database_url = ""
        if request.param == "postgresql":
            postgres = stack.enter_context(start_postgres(folder / "postgres"))
            stack.callback(postgres.erase)
            database_url = postgres.create("segue")
        yield stack.enter_context(running_world(folder, request.param, database_url))


@pytest.fixture(autouse=True)
def _sockets() -> Iterator[None]:
    """Collect the leaked sockets of a scenario at its end, so that no later test, nor pytest's own end, meets them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def tale(world: World, request: pytest.FixtureRequest) -> Tale:
    """A service that no other scenario knows."""
    name = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:40]
    return Tale(world, f"{name}-{next(_numbers)}")
