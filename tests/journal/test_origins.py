"""Every fact leads to the message that it came from, as the inbox has it."""

from dataclasses import replace

from controller.handle import handle
from controller.journal import Store, views
from controller.journal.origins import Origin, origins
from controller.wire.topics import Topic
from tests.journal.messages import SERVICE, SOURCE, alert, installed, requested, rolling


async def causes(store: Store) -> list[tuple[int, str]]:
    """Return what a service's facts say of their messages."""
    return [(one.position, one.cause) for one in await views.history(store, SERVICE, 0, 1000)]


async def test_each_fact_leads_to_its_message(store: Store) -> None:
    """Source and id, topic, partition and offset are those of the message, for each of the facts that it led to."""
    await handle(store, [*installed(), *rolling(), alert("1.5.0", 15_000), *installed("other")])
    asked = await causes(store)
    found = await origins(store, SERVICE, asked)
    assert [found[position].id for position, _ in asked] == [cause for _, cause in asked]
    assert found[1] == Origin(f"{SOURCE}/{SERVICE}", "request-1.4.0-1000", Topic.REQUESTED, 0, 1_000)
    assert found[len(asked)] == Origin(f"{SOURCE}/{SERVICE}", "alert-1.5.0-15000", Topic.ALERTS, 0, 15_000)


async def test_two_senders_may_use_one_id(store: Store) -> None:
    """Which of two messages of one id a fact came from is known by its position."""
    first, second = requested("1.4.0", 1_000, "1"), replace(requested("1.5.0", 10_000, "1"), source="zz/another")
    await handle(store, [first, installed()[1], second])
    asked = await causes(store)
    found = await origins(store, SERVICE, asked)
    assert (found[1].source, found[len(asked)].source) == (f"{SOURCE}/{SERVICE}", "zz/another")


async def test_what_the_inbox_has_not_is_left_out(store: Store) -> None:
    """A message that is not on record leads nowhere, and no questions are no trouble."""
    await handle(store, installed())
    assert await origins(store, SERVICE, [(1, "lost"), (99, "request-1.4.0-1000")]) == {}
    assert await origins(store, SERVICE, []) == {}
