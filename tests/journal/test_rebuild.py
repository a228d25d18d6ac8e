"""Read tables are made anew beside the living ones, while services go on deciding, and take their place at once."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count

import pytest
from sqlalchemy import Connection, select, update

from controller.core.errors import Broken
from controller.handle import handle
from controller.journal import Store, rebuild, tables
from controller.journal.derived import DERIVED
from controller.journal.rebuild import rebuild as make_anew
from controller.journal.rebuild import shadowed, unheard
from controller.journal.shadow import prepare, swap
from controller.replay import differing, replay_sql
from tests.journal.audited import told
from tests.journal.conftest import Opened
from tests.journal.messages import alert, applied, installed, rolling
from tests.journal.sight import rows, sight
from tests.journal.tampering import UNLOCKED, say
from tests.journal.test_replay import eventful

SERVICES = [f"voice-{number}" for number in range(5)]


@asynccontextmanager
async def deciding(store: Store) -> AsyncIterator[list[int]]:
    """Let services decide for the length of the block, one batch after the other; gives how many facts of each."""
    facts: list[int] = []
    ended = asyncio.Event()

    async def decide() -> None:
        for number in count():
            at_ms = 100_000 + 1_000 * number
            batch = [one for service in SERVICES for one in rolling(f"2.{number}.0", at_ms, service)]
            batch += [applied(number + 2, at_ms + 1, router=f"gateway@{number}", service=one) for one in SERVICES]
            batch += [alert(f"2.{number}.0", at_ms + 2, service=service) for service in SERVICES]
            facts.append(len((await handle(store, batch)).facts))
            if ended.is_set():
                return

    running = asyncio.create_task(decide())
    try:
        yield facts
    finally:
        ended.set()
        await running


async def filled(store: Store) -> None:
    """Decide a day of one service, and begin several more."""
    await handle(store, [*eventful(), *(one for service in SERVICES for one in installed(service))])


async def test_what_is_decided_meanwhile_is_in_the_tables(store: Store, url: str, opened: Opened) -> None:
    """Nothing is lost, whenever it was decided: the tables are those that a rebuild gives when nobody decides."""
    await filled(store)
    other = await opened(url)
    async with deciding(store) as decided:
        rebuilt = [await make_anew(other) for _ in range(2)]
        during = len(decided)
    assert during > 1
    assert rebuilt[0].facts < rebuilt[-1].facts <= len(await rows(store, tables.journal))
    after = await sight(store, *DERIVED)
    await make_anew(store)
    assert await sight(store, *DERIVED) == after


async def test_readers_see_the_old_tables_or_the_new_ones(store: Store, url: str, opened: Opened) -> None:
    """Rows that were scribbled over are put right in one step; views go on telling, before and after."""
    await filled(store)
    asked = "SELECT rollout, outcome FROM audit_rollouts WHERE service = 'hibari' ORDER BY rollout"
    right = await told(store, asked)
    await store.write(lambda connection: connection.execute(tables.rollouts.update().values(status="lost")))
    wrong = await told(store, asked)
    seen: list[object] = [wrong]
    ended = asyncio.Event()
    other = await opened(url)

    async def read() -> None:
        while not ended.is_set():
            seen.append(await told(other, asked))

    reading = asyncio.create_task(read())
    await make_anew(store)
    ended.set()
    await reading
    assert await told(store, asked) == right != wrong
    assert [one for one in seen if one not in (right, wrong)] == []


async def test_one_that_is_interrupted_leaves_nothing(
    store: Store, url: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends it, in the middle or within the swap, the tables stay as they were, and the next one succeeds."""
    await filled(store)
    await store.write(lambda connection: connection.execute(tables.routes.delete()))
    before = await sight(store, *DERIVED)

    def halfway(_what: str, facts: int) -> None:
        assert facts == 0, "interrupted"

    def after_the_swap(connection: Connection, services: Iterable[str]) -> None:
        swap(connection, services)
        raise AssertionError("interrupted")

    with pytest.raises(AssertionError, match="interrupted"):
        await make_anew(await opened(url), halfway)
    assert await sight(store, *DERIVED) == before
    monkeypatch.setattr(rebuild, "swap", after_the_swap)
    with pytest.raises(AssertionError, match="interrupted"):
        await make_anew(await opened(url))
    monkeypatch.undo()
    assert await sight(store, *DERIVED) == before
    await make_anew(store)
    assert len(await rows(store, tables.routes)) > 0
    assert (await handle(store, [alert("1.4.0", 900_000)])).facts


async def test_a_journal_with_a_gap_gives_no_tables(store: Store, kind: str) -> None:
    """What lies beyond a fact that is missing cannot be folded: it is named, and the tables stay as they are."""
    await filled(store)
    before = await sight(store, *DERIVED)
    await say(store, *UNLOCKED[kind], "DELETE FROM journal WHERE id = 'hibari/3'")
    with pytest.raises(Broken, match=r"fact hibari/3 is missing in the journal: attach its month again"):
        await make_anew(store)
    assert await sight(store, *DERIVED) == before


async def test_rows_that_no_fact_gives_go(store: Store) -> None:
    """A service that only its row knows of is none, and a step of no rollout is none."""
    await filled(store)
    before = await sight(store, *DERIVED)
    await say(
        store,
        "INSERT INTO services SELECT 'ghost', position, at_ms, head_hash, epoch, stable, candidate, candidate_bp, "
        "rollout, state FROM services WHERE service = 'hibari'",
        "INSERT INTO steps SELECT 'ghost-1', position, step, weight_bp, started_at, due_at FROM steps "
        "WHERE rollout = 'hibari-2'",
    )
    await make_anew(store)
    assert await sight(store, *DERIVED) == before


async def test_a_state_that_was_put_right_is_the_one_decided_upon(store: Store, url: str, opened: Opened) -> None:
    """A decider that met a wrong row forgets what it met there when the row is right again."""
    await handle(store, installed())
    right = (await store.rows(select(tables.services.c.state), {}))[0].state
    wrong = update(tables.services).values(state=right.replace('"epoch":1', '"epoch":7'))
    await store.write(lambda connection: connection.execute(wrong))
    decider = await opened(url)
    await handle(decider, [alert("9.9.9", 20_000)])
    await make_anew(store)
    await handle(decider, [alert("9.9.9", 21_000, "again")])
    assert await differing(store, await replay_sql(store)) == {}


async def test_what_begins_before_the_swap_keeps_its_steps(store: Store, url: str, opened: Opened) -> None:
    """Preparing the swap touches no row, not even of a rollout that began after the tables were made."""
    await filled(store)
    async with shadowed(await opened(url), unheard) as (session, _):
        await handle(store, rolling("7.0.0", 950_000))
        before = await rows(store, tables.steps)
        async with session.transaction():
            await session.do(prepare)
    assert await rows(store, tables.steps) == before
