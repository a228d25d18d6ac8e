"""`segue explain` asked for what is no rollout."""

import asyncio
from pathlib import Path

import pytest

from controller.handle import handle
from controller.journal import open_store
from controller.journal.schema import upgrade
from tests.cli.segue import Segue, segue_in
from tests.journal.messages import installed, rolling


@pytest.fixture
def segue(tmp_path: Path) -> Segue:
    """The command where the service hibari had two rollouts."""

    async def live(url: str) -> None:
        store = await open_store(url)
        await handle(store, [*installed(), *rolling("1.5.0", 10_000)])
        await store.close()

    (tmp_path / "data").mkdir()
    url = f"sqlite:///{tmp_path / 'data' / 'segue.db'}"
    upgrade(url)
    asyncio.run(live(url))
    return segue_in(tmp_path)


@pytest.mark.parametrize("asked", ["hibari", "hibari-9"])
def test_a_service_or_a_number_too_high_is_told_which_rollouts_there_are(segue: Segue, asked: str) -> None:
    """Whoever names the service alone, or a rollout that there is not, learns of those that there are."""
    done = segue("explain", asked)
    assert done.code == 1
    assert f"there is no rollout {asked}; the latest of hibari: hibari-2, hibari-1" in done.err


def test_what_nobody_knows_is_told_how_rollouts_are_called(segue: Segue) -> None:
    """Without anything to choose from, an example says what a rollout's name looks like."""
    done = segue("explain", "nothere")
    assert done.code == 1
    assert "there is no rollout nothere, and none of a service by that name; name one such as hibari-3" in done.err
