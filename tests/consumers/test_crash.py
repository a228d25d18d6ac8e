"""A process killed at the worst moments, and started again: each fact once, and every message decided."""

import asyncio

import pytest

from controller.journal import Store, views
from tests.consumers.process import hosting
from tests.consumers.world import World
from tests.journal.messages import requested

SERVICES = [f"service-{number}" for number in range(6)]


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
async def test_killed_process_gives_each_fact_once(world: World, store: Store, point: str) -> None:
    """kill -9 with a batch in hand, before or after its commit, loses no message and repeats no fact."""
    await world.publish(*(requested("1.4.0", service=service).record for service in SERVICES))
    with hosting(world.settings, point, "rollouts", "relay") as doomed:
        assert await asyncio.to_thread(doomed.wait, 20) == -9
    committed = [service.service for service in await views.services(store)]
    assert (committed == []) == (point == "before-commit")
    with hosting(world.settings, "never", "rollouts", "relay"):
        for service in SERVICES:
            # The broker first has to find out that the killed member is gone: its session lasts 6 s.
            await world.until_told(service, "RolloutStarted")
        await world.publish(requested("1.4.0", service="after").record)
        await world.until_told("after", "RolloutStarted")
    assert [await world.told(service) for service in SERVICES] == [["RolloutStarted"]] * len(SERVICES)
    assert [service.position for service in await views.services(store)] == [1] * (len(SERVICES) + 1)
