"""A tree that decides: Kafka and the deciding functions, without Triton, so that candidates stay in preparation."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.core.names import Release
from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.settings import Settings
from controller.supervise.plan import Part
from controller.supervise.tree import Tree, start_tree
from tests.cli.segue import TONE, Segue, segue_in


@dataclass(frozen=True, slots=True)
class Deciding:
    """The tree, the command on its data folder, and two releases that were built there."""

    tree: Tree
    segue: Segue
    first: Release
    second: Release


@pytest.fixture(scope="session")
def deciding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deciding]:
    """Start the tree once for all tests here; each uses services of its own."""
    folder = tmp_path_factory.mktemp("deciding")
    segue = segue_in(folder)
    first, second = (
        Release(
            **segue.json("release", "build", str(TONE), "--version", version, "--param", f"voice.frequency_hz={hz}")
        )
        for version, hz in (("1.0.0", 220), ("1.1.0", 330))
    )
    settings = Settings(data=folder / "data", repository=folder / "models")
    with start_tree(settings, parts=[Part.KAFKA], processes=["control"], free_ports=True) as tree:
        yield Deciding(tree, segue, first, second)


@pytest.fixture
async def lost(tmp_path: Path) -> AsyncIterator[Store]:
    """A store that nobody will find again."""
    url = f"sqlite:///{tmp_path}/lost.db"
    upgrade(url)
    made = await open_store(url)
    yield made
    await made.close()
