"""The history alone gives the state that is live."""

from hashlib import sha256

from controller.wire.codec import table_json
from tests.journey.asking import segue
from tests.journey.test_alerts import returned_by_alert
from tests.journey.world import Tale


def replay(tale: Tale, source: str) -> dict[str, object]:
    """Run `segue replay` as an auditor would, and return what it says about the tale's service."""
    services: dict[str, dict[str, object]] = segue(tale.world).json("replay", "--from", source, "--check")["services"]
    return services[tale.service]


def test_replay_from_kafka_gives_identical_state(tale: Tale) -> None:
    """Given a history with a rollback, folding it from Kafka gives the live state and table, byte for byte."""
    facts = returned_by_alert(tale)
    kafka, sql = replay(tale, "kafka"), replay(tale, "sql")
    # The drained candidate may be unloaded between the two readings: a fact more, and no other state.
    for hash in ("state_sha256", "table_sha256"):
        assert kafka[hash] == sql[hash]
    assert tale.sentences() == facts


def test_replay_from_sql_gives_identical_state(tale: Tale) -> None:
    """Given a history with a rollback, folding it from SQL gives the table that routers follow, byte for byte."""
    facts = returned_by_alert(tale)
    replayed = replay(tale, "sql")
    assert tale.sentences() == facts
    assert replayed["table_sha256"] == sha256(table_json(tale.world.reader.tables[tale.service])).hexdigest()
