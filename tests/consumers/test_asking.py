"""What `segue` tells of an order, by what of Segue works just now; on both stores."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from controller.journal import open_store
from controller.settings import Settings
from controller.supervise.plan import environment_of
from tests.cli.segue import Done, Segue, segue_in
from tests.consumers.world import World
from tests.journal.messages import SERVICE

DECIDED_NOT_PUBLISHED = "this was decided, and nobody published it within 1 s, so no gateway knows of it"


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest) -> World:
    """A Segue on each kind of store."""
    name = "world" if request.param == "sqlite" else "postgres_world"
    found: World = request.getfixturevalue(name)
    return found


def segue(settings: Settings, folder: Path) -> Segue:
    """Return the command as somebody with these settings calls it."""
    return segue_in(folder, **environment_of(settings, folder / "none", 0) | {"SEGUE_TOKENS_FILE": ""})


async def set_plan(segue: Segue, folder: Path, *more: str) -> Done:
    """Give a plan a name."""
    (folder / "evening.yaml").write_text("{steps: [{weight: 5 %, hold: 1h}], gates: []}")
    words = ("plan", "set", SERVICE, "evening", str(folder / "evening.yaml"), "--reason", "after work", *more)
    return await asyncio.to_thread(segue, *words)


async def test_what_changes_nothing_is_told_apart_from_what_is_not_published(world: World, tmp_path: Path) -> None:
    """With a decider and no relay, an order is decided and not published (3); said again, it was so already (0)."""
    here, store = segue(world.settings, tmp_path), await open_store(world.settings.database)
    async with world.hosting(store, "orders"):
        done = await set_plan(here, tmp_path, "--wait", "1")
        again = await set_plan(here, tmp_path, "--wait", "20")
        assert await world.facts(SERVICE) == []
    await store.close()
    assert done.code == 3
    assert "PlanSet" in done.out
    assert DECIDED_NOT_PUBLISHED in done.err
    assert (again.code, again.out, again.err) == (0, "Nothing changed: it was so already.\n", "")


async def test_without_the_store_kafka_alone_says_that_it_was_decided(world: World, tmp_path: Path) -> None:
    """Who has Kafka's address alone is told what was published, that nothing was, or that nobody decided it."""
    elsewhere = segue(replace(world.settings, data=tmp_path / "elsewhere", database_url=""), tmp_path)
    undecided = await set_plan(elsewhere, tmp_path, "--wait", "1")
    store = await open_store(world.settings.database)
    async with world.hosting(store, "orders", "relay"):
        await world.until_told(SERVICE, "PlanSet")
        again = await set_plan(elsewhere, tmp_path, "--wait", "2", "--json")
        refused = await asyncio.to_thread(elsewhere, "rollout", "pause", SERVICE, "--reason", "a test says so")
    await store.close()
    assert undecided.code == 3
    assert "nobody decided this within 1 s; it stands in Kafka" in undecided.err
    assert '"decided": true' in again.out
    assert '"facts": []' in again.out
    assert again.code == 0
    assert refused.code == 1
