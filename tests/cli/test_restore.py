"""`segue restore` and `segue rebuild`, as they are typed on a bad day."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from tests.cli.conftest import Deciding
from tests.cli.copies import published
from tests.cli.segue import segue_in
from tests.cli.test_verify import decided
from tests.journal.messages import SERVICE


@pytest.fixture
async def lost(tmp_path: Path) -> AsyncIterator[Store]:
    """A store that nobody will find again."""
    url = f"sqlite:///{tmp_path}/lost.db"
    upgrade(url)
    made = await open_store(url)
    yield made
    await made.close()


async def test_an_empty_database_is_filled_and_proven(deciding: Deciding, lost: Store, tmp_path: Path) -> None:
    """From a topic alone; then all is proven, one changed word is found, and made anew."""
    facts = await decided(lost)
    prefix = published(deciding, SERVICE, facts)
    segue = segue_in(tmp_path, SEGUE_KAFKA=deciding.tree.kafka, SEGUE_TOPIC_PREFIX=prefix)
    segue.json("db", "upgrade")
    told = segue.json("restore", "--from", "kafka")
    assert told == {
        "services": 1,
        "facts": len(facts),
        "checkpoints": 0,
        "messages": 0,
        "causes": 4,
        "presumed": 0,
        "undecided": 0,
    }
    assert "is not empty: journal, inbox, outbox, services, timers hold rows" in segue("restore", "--from", "kafka").err
    assert (
        "every row of the read tables, the timers and the inbox is what the facts give"
        in segue("verify", "--tables").out
    )
    with sqlite3.connect(Path(segue.env["SEGUE_DATA"]) / "segue.db") as database:
        database.execute("UPDATE rollouts SET started_by = 'nobody' WHERE rollout = 'hibari-2'")
    database.close()
    found = segue("verify", "--sql", "--tables")
    assert found.code == 1
    assert "rollouts, hibari-2: started_by is nobody, and by the facts ci" in found.out
    assert segue.json("rebuild")["facts"] == len(facts)
    assert segue.json("verify", "--sql", "--tables")["tables"] == {"facts": len(facts), "differing": []}
