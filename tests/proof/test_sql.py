"""The journal in SQL, verified on real stores; who changes it had to get past the triggers first."""

import pytest

from controller.handle import handle
from controller.journal import Store, tables, views
from controller.proof.chain import Copy, Tampering
from controller.proof.look import Verified, verify
from tests.journal.messages import alert, installed
from tests.journal.tampering import UNLOCKED, say
from tests.journal.test_replay import eventful


async def test_an_untouched_journal_verifies(store: Store) -> None:
    """Every fact of every stream is found to be what was written."""
    assert await verify(store) == Verified(0, 0, -1, ())
    await handle(store, eventful())
    facts = [fact async for fact in views.facts(store)]
    assert await verify(store) == Verified(2, len(facts), -1, ())


@pytest.mark.parametrize(
    ("statement", "tampering", "position", "told"),
    [
        (
            "UPDATE journal SET body = replace(body, 'nightly', 'Nightly') WHERE position = 1",
            "changed",
            1,
            "its content",
        ),
        ("UPDATE journal SET at_ms = at_ms + 1 WHERE position = 3", "changed", 3, "its content"),
        ("UPDATE journal SET reason = 'all is well' WHERE position = 9", "changed", 9, "columns do not say"),
        ("UPDATE journal SET actor = 'nobody' WHERE position = 2", "changed", 2, "columns do not say"),
        ("UPDATE journal SET body = 'x' WHERE position = 2", "changed", 2, "its content"),
        ("UPDATE journal SET hash = prev_hash, prev_hash = hash WHERE position = 4", "changed", 4, "its content"),
        ("DELETE FROM journal WHERE position = 3", "removed", 3, "3 is missing, and 4 is there"),
        ("DELETE FROM journal WHERE position > 2 AND stream = 'hibari'", "cut off", 3, "the row of the service says"),
        ("DELETE FROM journal WHERE stream = 'hibari'", "cut off", 1, "the row of the service says"),
        ("UPDATE services SET head_hash = 'x' WHERE service = 'hibari'", "changed", None, "says its hash is x"),
        ("UPDATE services SET position = position - 1", "inserted", None, "is the last one"),
    ],
)
async def test_tampering_is_found(
    store: Store, kind: str, statement: str, tampering: str, position: int | None, told: str
) -> None:
    """Someone who got past the triggers and changed, removed or cut off facts is told where."""
    await handle(store, eventful())
    await say(store, *UNLOCKED[kind], statement)
    found = [one for one in (await verify(store)).findings if one.stream == "hibari"]
    named = [one for one in found if one.tampering == tampering and position in (None, one.position)]
    assert named, found
    assert told in named[0].told
    assert {one.copy for one in found} == {Copy.SQL}


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("value", ["'never'", "7", "'2026-01-01'", "x'00ff'"])
async def test_a_time_that_is_none_is_found(store: Store, kind: str, value: str) -> None:
    """SQLite takes any value in any column; one that is no time is named like any other change."""
    await handle(store, eventful())
    await say(store, *UNLOCKED[kind], f"UPDATE journal SET occurred_at = {value} WHERE position = 2")
    assert {(one.position, one.tampering) for one in (await verify(store)).findings} == {(2, Tampering.CHANGED)}


async def test_what_is_decided_meanwhile_is_no_tampering(store: Store) -> None:
    """A service that decides on between two looks has only more facts."""
    await handle(store, installed())
    before = await verify(store)
    await handle(store, [alert("1.4.0", 5_000)])
    after = await verify(store)
    assert (before.findings, after.findings) == ((), ())
    assert after.sql_facts == before.sql_facts + 1


async def test_a_head_that_moved_back_is_found(store: Store) -> None:
    """A fact beyond what the service's row knows of was slipped in, or the row was set back."""
    await handle(store, installed())
    await store.write(lambda connection: connection.execute(tables.services.update().values(position=2, head_hash="0")))
    kinds = {(one.tampering, one.position) for one in (await verify(store)).findings}
    assert kinds == {(Tampering.CHANGED, 2), (Tampering.INSERTED, 3)}
