"""What is due becomes a message when it is due, whatever a process takes the time to be."""

import time

import pytest
from sqlalchemy import select

from controller.handle import handle
from controller.journal import open_store, tables
from tests.consumers.test_relay import ready
from tests.consumers.world import World
from tests.journal.messages import requested

HOUR_NS = 3_600_000_000_000


async def test_a_clock_that_is_ahead_fires_nothing_early(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process whose clock is an hour ahead leaves a timer of a minute alone: it goes by the database's clock."""
    store = await open_store(postgres_world.settings.database)
    now_ns = time.time_ns
    await handle(store, [requested("1.4.0", now_ns() // 1_000_000)])
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + HOUR_NS)
    async with postgres_world.hosting(store, "timers") as readiness:
        await postgres_world.until("the timers were looked at", lambda: ready(readiness))
        waiting = await store.rows(select(tables.timers.c.kind).where(tables.timers.c.fired_at.is_(None)), {})
    await store.close()
    assert [row.kind for row in waiting] == ["readiness"]
