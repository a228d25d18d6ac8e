"""A Segue whose parts may be killed: one for all scenarios, each with a service of its own."""

from collections.abc import Generator, Iterator

import pytest

from controller.parts.postgres import Postgres, start_postgres
from controller.supervise.plan import Part
from tests.journey.leaks import FORGIVEN, collect
from tests.journey.starting import new_tale, running_world
from tests.journey.world import Tale, World


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Forgive what kafka-python leaves behind where Kafka is taken away."""
    for item in items:
        if "chaos" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings(FORGIVEN))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Leave no leaked socket to the next test, or to pytest's own end, once the log has let go of them too."""
    result = yield
    collect()
    return result


@pytest.fixture(scope="package")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The database that the world stands on."""
    running = start_postgres(tmp_path_factory.mktemp("chaos-postgres"))
    yield running
    running.erase()


@pytest.fixture(scope="package")
def world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Segue with Kafka, Triton and PostgreSQL; alerts come from the tests themselves."""
    folder = tmp_path_factory.mktemp("chaos-world")
    parts = [Part.KAFKA, Part.TRITON]
    with running_world(folder, "postgresql", postgres.create("segue"), parts, drain_s=2) as world:
        yield world


@pytest.fixture
def tale(world: World, request: pytest.FixtureRequest) -> Tale:
    """A service that no other scenario knows."""
    return new_tale(world, request.node.name)
