"""The world of the journeys: started once for each store, used by all scenarios, each with services of its own."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from controller.parts.postgres import start_postgres
from tests.journey.leaks import FORGIVEN, collect
from tests.journey.starting import new_tale, running_world
from tests.journey.world import Tale, World


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Forgive kafka-python's sockets, in journeys alone."""
    for item in items:
        if "journey" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings(FORGIVEN))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Leave no leaked socket to the next test, or to pytest's own end, once the log has let go of them too."""
    result = yield
    collect()
    return result


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


@pytest.fixture
def tale(world: World, request: pytest.FixtureRequest) -> Tale:
    """A service that no other scenario knows."""
    return new_tale(world, request.node.name)
