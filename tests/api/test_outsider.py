"""What the demo waits for over the API, and what it is told when something else comes."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from controller.demo.outsider import Outsider
from controller.demo.promise import Otherwise, story_of
from controller.handle import handle
from controller.journal.store import open_store
from controller.wire.inbound import Input
from tests.api.world import VIEWER, Api
from tests.journal.messages import alert, installed, rolling


@pytest.fixture
def outsider(api: Api) -> Iterator[Outsider]:
    """The demo's outsider, who was told where this API is."""
    settings = api.settings
    one = Outsider(
        kafka=settings.kafka,
        api_url=f"http://127.0.0.1:{settings.api_port}",
        token=VIEWER,
        gateway_url="",
        database=settings.data / "segue.db",
    )
    yield one
    one.close()


async def lived(api: Api, *messages: Input) -> None:
    """Let messages be decided in the API's store."""
    store = await open_store(api.settings.database)
    await handle(store, messages)
    await store.close()


async def promoted(outsider: Outsider, patience_s: float) -> Otherwise:
    """Wait for a promotion of hibari-2 that does not come; return what is said instead."""
    with pytest.raises(Otherwise) as came:
        await asyncio.to_thread(
            outsider.wait_for, "1.5.0 is promoted", "RolloutPromoted", patience_s, rollout="hibari-2"
        )
    return came.value


async def test_what_was_waited_for_is_returned(api: Api, outsider: Outsider) -> None:
    """The fact that was promised is found by its type and by what it says, also when its rollout has ended since."""
    await lived(api, *installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000))
    step = await asyncio.to_thread(outsider.wait_for, "", "StepStarted", 5, rollout="hibari-2", step=0)
    assert step["rollout"] == "hibari-2"


async def test_a_rollout_that_has_ended_is_waited_for_no_longer(api: Api, outsider: Outsider) -> None:
    """The reason of its end is told at once, and its story ends with what took it back."""
    await lived(api, *installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000))
    begun = time.monotonic()
    came = await promoted(outsider, patience_s=60)
    assert time.monotonic() - begun < 30
    assert came.promised == "1.5.0 is promoted within 60 s"
    assert came.instead.startswith("hibari-2 was taken back: alert ")
    told = await story_of(api.settings.database, "hibari", came.rollout)
    assert "asked to roll out 1.5.0" in told[0]
    assert any("It was taken back from" in one and "(alert, by" in one for one in told)


async def test_patience_ends(api: Api, outsider: Outsider) -> None:
    """Of a rollout that still runs, the last facts are named."""
    await lived(api, *installed(), *rolling("1.5.0", 10_000))
    came = await promoted(outsider, patience_s=0)
    last = "RouteSet, RolloutStarted, ReleaseReady, StepStarted, RouteSet"
    assert came.instead == f"hibari-2 is still on its way; the last facts are {last}"
    assert came.rollout == "hibari-2"


async def test_a_service_to_which_nothing_happened_has_no_story(api: Api, outsider: Outsider) -> None:
    """Where there is not even a rollout, that is said."""
    came = await promoted(outsider, patience_s=0)
    assert came.instead == "nothing happened to the service"
    assert came.rollout == ""
    assert await story_of(api.settings.database, "hibari", came.rollout) == []
