"""`segue verify`: SQL and Kafka hold the same facts, as they were written, or it is said which do not."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from controller.handle import handle
from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.journal.tables import outbox
from controller.proof.look import verify
from controller.wire.topics import Topic
from tests.cli.conftest import Deciding
from tests.cli.copies import published
from tests.journal.messages import SERVICE, installed, rolling
from tests.journal.sight import outgoing

Facts = list[bytes]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store of which Kafka has nothing."""
    url = f"sqlite:///{tmp_path}/own.db"
    upgrade(url)
    made = await open_store(url)
    yield made
    await made.close()


async def decided(store: Store) -> Facts:
    """Decide a few messages and return the facts as the relay takes them."""
    await handle(store, [*installed(), *rolling()])
    facts = [body for topic, _, body in await outgoing(store) if topic == Topic.JOURNAL]
    await store.write(lambda connection: connection.execute(outbox.delete()))
    return facts


@pytest.mark.parametrize(
    ("happens", "named"),
    [
        (lambda facts: facts, []),
        (lambda facts: [*facts[:3], facts[1], facts[2], *facts[3:]], []),
        (lambda facts: [facts[0].replace(b"nightly", b"Nightly"), *facts[1:]], [("kafka", "changed", 1)]),
        (lambda facts: [*facts[:2], *facts[3:]], [("kafka", "removed", 3)]),
        (lambda facts: facts[:5], [("kafka", "cut off", 6)]),
        (lambda _: [], [("kafka", "cut off", 1)]),
        (lambda facts: [*facts, b"no fact"], [("kafka", "unreadable", 0)]),
        (
            lambda facts: [*facts[:4], facts[5], facts[4], *facts[6:]],
            [("kafka", "removed", 5), ("kafka", "moved", 5)],
        ),
    ],
)
async def test_the_topic_is_compared_with_sql(
    deciding: Deciding, store: Store, happens: Callable[[Facts], Facts], named: list[tuple[str, str, int]]
) -> None:
    """Doubles are nothing; whatever was changed, left out, cut off or added is named by its place."""
    facts = await decided(store)
    found = await verify(store, deciding.tree.kafka, published(deciding, SERVICE, happens(facts)))
    assert [(one.copy, one.tampering, one.position) for one in found.findings] == named
    assert found.sql_facts == len(facts)


async def test_what_is_on_its_way_to_kafka_is_not_missed(deciding: Deciding, store: Store) -> None:
    """Facts in the outbox are published later; those that left it must be there."""
    await handle(store, [*installed(), *rolling()])
    assert (await verify(store, deciding.tree.kafka, published(deciding, SERVICE, []))).findings == ()


def test_a_living_journal_verifies_until_somebody_changes_it(deciding: Deciding) -> None:
    """The command ends with 0; one changed word in SQL is named, and it ends with 1."""
    segue = deciding.segue
    segue.json("rollout", "start", "proven", "--release", "1.0.0", "--reason", "a test says so")
    assert "every fact in SQL and in Kafka is what was written" in segue("verify").out
    whole = segue.json("verify")
    assert whole["findings"] == []
    assert whole["sql_facts"] >= whole["kafka_facts"] > 0
    file = Path(segue.env["SEGUE_DATA"]) / "segue.db"
    change = "UPDATE journal SET body = replace(body, ?, ?) WHERE stream = 'proven' AND position = 1"
    database = sqlite3.connect(file)
    (trigger,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'journal_no_update'").fetchone()
    database.execute("DROP TRIGGER journal_no_update")
    database.execute(change, ("a test says so", "nobody says so"))
    database.commit()
    found = segue("verify")
    assert found.code == 1
    assert "proven/1 in sql is changed: its content has the hash" in found.out
    assert "changes nothing" in found.out
    database.execute(change, ("nobody says so", "a test says so"))
    database.execute(trigger)
    database.commit()
    database.close()
    assert segue("verify", "--sql").code == segue("db", "verify").code == 0
