"""The journal is the truth: every store tells the same story, byte for byte, and what is derived can be made anew."""

import random

import pytest

from controller.core.commands import TimerKind
from controller.core.errors import Broken, Malformed
from controller.core.state import table, timers
from controller.core.stream import begin, fold
from controller.handle import handle
from controller.journal import Store, tables, views
from controller.journal.rebuild import rebuild
from controller.wire.codec import state_json, table_json
from controller.wire.inbound import Input, rejected
from controller.wire.messages import MessageType
from tests.journal.conftest import KINDS, NewUrl, Opened
from tests.journal.messages import (
    SERVICE,
    alert,
    applied,
    drained,
    ended,
    installed,
    ordered,
    ready,
    release,
    requested,
    rolling,
    unreadable,
)
from tests.journal.sight import READ_TABLES, outgoing, rows, sight


def eventful() -> list[Input]:
    """A day with everything: promotion, revert, pause, rollback, override, refusal, and a message nobody can read."""
    return [
        *installed(),
        *rolling("1.5.0", 10_000),
        ordered(MessageType.PAUSE, 12_000),
        ordered(MessageType.RESUME, 13_000),
        ordered(MessageType.PROMOTE, 14_000),
        applied(4, 14_500, "1.4.0", "1.5.0"),
        applied(4, 14_500, router="gateway@older", told=False),
        alert("1.5.0", 15_000),
        applied(5, 15_500, "1.4.0", "1.5.0"),
        requested("1.5.0", 16_000),
        drained("1.5.0", 5, 16_500),
        ended(16_600, router="gateway@older"),
        ordered(MessageType.OVERRIDE, 17_000, digest=release("1.5.0").digest),
        *rolling("1.5.0", 18_000),
        requested("1.6.0", 20_000),
        rejected(unreadable(), Malformed("message is no JSON: größer als erlaubt, 語")),
        ready("1.6.0", 21_000),
        alert("1.6.0", 22_000),
        *installed("other-voice"),
    ]


@pytest.mark.parametrize("seed", range(5))
async def test_the_same_messages_give_the_same_bytes_everywhere(seed: int, new_url: NewUrl, opened: Opened) -> None:
    """Journal, state, tables, timers, inbox and outbox are equal, however the messages are batched and repeated."""
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    messages = eventful()
    if seed:
        chance.shuffle(messages)
    seen = []
    for kind in KINDS:
        store = await opened(await new_url(kind))
        at = 0
        while at < len(messages):
            size = chance.randint(1, 6)
            await handle(store, messages[max(0, at - chance.randint(0, 2)) : at + size])
            at += size
        everything = await sight(store, tables.journal, tables.inbox, tables.timers, *READ_TABLES)
        bodies = sorted(body for _, _, body in await outgoing(store) if b'"hash"' in body)
        seen.append((everything, bodies))
    assert seen[0] == seen[1]


async def test_replaying_the_facts_gives_the_state_and_the_table(store: Store) -> None:
    """Facts read back from SQL fold to the snapshot's own bytes."""
    await handle(store, eventful())
    for one in await views.services(store):
        folded = fold(begin(one.service), [fact async for fact in views.facts(store, one.service)])
        assert state_json(folded.state) == state_json(one.state)
        assert table_json(table(folded.state)) == table_json(table(one.state))
        assert (folded.position, folded.at_ms) == (one.position, one.at_ms)


async def test_rebuilt_read_tables_equal_the_living_ones(store: Store) -> None:
    """What is derived is lost and scribbled over, then made anew as it was."""
    derived = (*READ_TABLES, tables.timers)
    await handle(store, eventful())
    before = await sight(store, *derived)
    facts = len([fact async for fact in views.facts(store)])
    await store.write(lambda connection: connection.execute(tables.rollouts.update().values(status="lost")))
    await store.write(lambda connection: connection.execute(tables.routes.delete()))
    await store.write(lambda connection: connection.execute(tables.services.update().values(state="{}")))
    assert (await rebuild(store)).facts == facts
    assert await sight(store, *derived) == before
    assert (await handle(store, [alert("1.4.0", 50_000)])).facts[0].position > 1


async def test_an_unreadable_snapshot_is_made_anew_from_the_journal(store: Store, url: str, opened: Opened) -> None:
    """A process that cannot read a service's row decides nothing and says what to run; after that it decides on."""
    await handle(store, installed() + rolling())
    await store.write(lambda connection: connection.execute(tables.services.update().values(state='{"service":7}')))
    other = await opened(url)
    with pytest.raises(Broken, match=r"services cannot be read for hibari: .*; run `segue rebuild`"):
        await handle(other, [alert("1.5.0", 20_000)])
    await rebuild(other)
    assert len((await handle(other, [alert("1.5.0", 20_000)])).facts) == 4


async def test_history_comes_in_pages(store: Store) -> None:
    """Reading after the last position seen gives every fact once."""
    await handle(store, eventful())
    whole = await views.history(store, SERVICE, limit=1000)
    pages: list[views.Recorded] = []
    while page := await views.history(store, SERVICE, after=pages[-1].position if pages else 0, limit=7):
        pages += page
    assert pages == whole
    assert [one.position for one in whole] == list(range(1, len(whole) + 1))


async def test_a_long_journal_is_read_whole(store: Store) -> None:
    """More facts than fit a page are all yielded, stream by stream, in order."""
    names = [f"voice-{number}" for number in range(7)]
    for start in range(0, 1400, 200):
        await handle(
            store,
            [
                alert("1.4.0", 1_000 + number, id=str(number), service=names[number % 7])
                for number in range(start, start + 200)
            ],
        )
    facts = [fact async for fact in views.facts(store)]
    assert [(fact.stream, fact.position) for fact in facts] == [
        (name, position) for name in names for position in range(1, 201)
    ]
    assert (await rebuild(store)).facts == 1400


async def test_a_hold_that_moved_is_that_of_its_own_step(store: Store) -> None:
    """Whatever is entered after it, in the same batch or ever, keeps its own end; live as after a rebuild."""
    await handle(store, [*installed(), *rolling()])
    await handle(
        store,
        [
            ordered(MessageType.EXTEND, 12_000, by_s=7),
            ordered(MessageType.PAUSE, 13_000),
            ordered(MessageType.ADVANCE, 14_000),
        ],
    )
    (service,) = await views.services(store)
    rollout = await views.rollout(store, "hibari-2")
    assert rollout is not None
    ends = [(step.step, step.due_at) for step in rollout.steps]
    (hold,) = [timer.due_ms for timer in timers(service.state) if timer.kind is TimerKind.HOLD]
    assert ends == [(0, 29_000), (1, hold)]
    await rebuild(store)
    again = await views.rollout(store, "hibari-2")
    assert again == rollout


async def test_read_tables_tell_the_story(store: Store) -> None:
    """Rollouts, their steps and releases say in SQL what happened, by whom and why."""
    await handle(store, eventful())
    told = {one.rollout: one for one in await views.rollouts(store, SERVICE)}
    assert {name: one.status for name, one in told.items()} == {
        "hibari-1": "promoted",
        "hibari-2": "reverted",
        "hibari-3": "superseded",
        "hibari-4": "aborted",
    }
    second = await views.rollout(store, "hibari-2")
    assert second is not None
    assert (second.version, second.from_version, second.plan) == ("1.5.0", "1.4.0", "short")
    assert (second.ended_because, second.trigger) == ("alert SpeechErrors fired inside the guard window", "alert")
    assert [(step.step, step.weight_bp, step.due_at) for step in second.steps] == [(0, 500, 22_000)]
    assert await views.rollout(store, "hibari-99") is None
    found = {row["version"]: row for row in await rows(store, tables.releases) if row["service"] == SERVICE}
    assert found["1.5.0"]["quarantined_at"] is None
    assert found["1.6.0"]["quarantined_at"] == 22_000
    assert found["1.5.0"]["promoted_at"] == 14_000
