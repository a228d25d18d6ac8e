"""What was decided follows again from the recorded messages, or the difference is named."""

from collections.abc import AsyncIterator

import pytest

from controller.core.errors import Broken, Malformed
from controller.handle import handle
from controller.journal import Store
from controller.journal.inputs import Taken, taken
from controller.journal.tables import inbox
from controller.redecide import redecide
from controller.wire.difference import Difference
from controller.wire.inbound import Input, Received, read, rejected
from controller.wire.messages import MessageType
from tests.journal.messages import SERVICE, alert, installed, ordered, rolling, unreadable
from tests.journal.tampering import UNLOCKED, say
from tests.journal.test_replay import eventful


def consumed(record: Received) -> Input:
    """Take a record as a consumer does."""
    try:
        return read(record)
    except Malformed as error:
        return rejected(record, error)


def day() -> list[Input]:
    """A day with everything, and a message nobody can read."""
    return [one if one.source != "segue/rejected" else consumed(unreadable()) for one in eventful()]


async def says_now(store: Store, message: Input, said: bytes, now: bytes) -> None:
    """Let the record of a message say something else, as if what it said had come to mean that."""
    value = (message.record.value or b"").replace(said, now)
    update = inbox.update().where(inbox.c.id == message.id).values(value=value)
    await store.write(lambda connection: connection.execute(update))


async def test_what_was_decided_follows_again(store: Store) -> None:
    """However the messages were batched, quiet and unreadable ones among them, nothing comes out otherwise."""
    messages = day()
    for start in range(0, len(messages), 3):
        await handle(store, messages[start : start + 3])
    again = await redecide(store, SERVICE)
    assert (again.messages, again.otherwise) == (len([one for one in messages if one.command.service == SERVICE]), ())
    assert again.facts > again.messages
    assert (await redecide(store, "other-voice")).otherwise == ()


async def test_a_fact_that_follows_otherwise_is_named(store: Store, kind: str) -> None:
    """By message, fact and field, once: what was decided upon it is decided upon what is recorded."""
    await handle(store, [*installed(), *rolling(), ordered(MessageType.PAUSE, 12_000), alert("1.5.0", 13_000)])
    changed = "UPDATE journal SET body = replace(body, 'its probe spoke', 'its probe sang') WHERE position = 7"
    await say(store, *UNLOCKED[kind], changed)
    (found,) = (await redecide(store, SERVICE)).otherwise
    assert (found.message, found.fact) == ("tests/hibari ready-1.5.0-11000", "hibari/7")
    spoke = '"the release is loaded and its probe spoke"'
    assert found.difference == Difference("event.reason", spoke.replace("spoke", "sang"), spoke)


async def test_a_fact_more_or_less_is_named(store: Store) -> None:
    """Also when a message leads today to another fact, or to one more."""
    await handle(store, [*installed(), *rolling(), alert("1.5.0", 13_000)])
    await says_now(store, alert("1.5.0", 13_000), b'"firing"', b'"resolved"')
    (other,) = (await redecide(store, SERVICE)).otherwise
    assert (other.fact, other.difference) == ("hibari/9", Difference("type", '"AlertMatched"', '"AlertNoted"'))

    await handle(store, [*installed("iwa"), *rolling(service="iwa"), ordered(MessageType.RESUME, 13_000, "iwa")])
    await says_now(store, ordered(MessageType.RESUME, 13_000, "iwa"), b'rollout.resume"', b'rollout.rollback"')
    (more,) = (await redecide(store, "iwa")).otherwise
    assert more.difference.one in ("nothing", '"OrderRefused"')


async def test_facts_without_a_message_cannot_be_decided_again(store: Store) -> None:
    """Where the inbox lacks a message it is said which facts have none, at the end as in the middle."""
    await handle(store, [*installed(), *rolling(), alert("1.5.0", 13_000, id="last")])
    await say(store, "DELETE FROM inbox WHERE id = 'last'")
    with pytest.raises(Broken, match=r"facts 9 to 12 of hibari follow from no message in the inbox"):
        await redecide(store, SERVICE)
    await say(store, "DELETE FROM inbox WHERE id = 'request-1.4.0-1000'")
    with pytest.raises(Broken, match=r"facts 1 to 1 of hibari follow from no message in the inbox"):
        await redecide(store, SERVICE)
    with pytest.raises(Broken, match="nothing was ever recorded for a service tsubame"):
        await redecide(store, "tsubame")


async def test_a_message_that_says_something_else_today_is_named(store: Store) -> None:
    """A message that was decided and that today's code cannot read, as if a later Segue had grown strict."""
    await handle(store, installed())
    (_, ready) = installed()
    await says_now(store, ready, ready.record.value or b"", b"{}")
    (found,) = (await redecide(store, SERVICE)).otherwise
    assert found.difference.one == "tests/hibari ready-1.4.0-2000"
    assert found.difference.other.startswith("segue/rejected signals.reported/0/2000")


async def test_a_journal_that_ends_too_early_cannot_be_decided_again(store: Store, kind: str) -> None:
    """Facts that a message led to and that are gone are told of, with where to look."""
    await handle(store, [*installed(), *rolling()])
    await say(store, *UNLOCKED[kind], "DELETE FROM journal WHERE position > 6")
    with pytest.raises(Broken, match=r"the journal of hibari ends at 6, .* facts up to 8: see `segue verify`"):
        await redecide(store, SERVICE)


async def test_what_is_decided_meanwhile_is_decided_again_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that goes on while its past is looked at has only more of it."""
    quiet = [ordered(MessageType.RESUME, 20_000 + number) for number in range(600)]
    await handle(store, [*installed(), *quiet])

    async def and_meanwhile(of: Store, service: str) -> AsyncIterator[Taken]:
        number = 0
        async for one in taken(of, service):
            yield one
            number += 1
            if number == 100:
                await handle(store, rolling("1.5.0", 30_000_000))

    monkeypatch.setattr("controller.redecide.taken", and_meanwhile)
    again = await redecide(store, SERVICE)
    assert (again.messages, again.otherwise) == (len(quiet) + 4, ())
