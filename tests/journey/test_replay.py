"""The history alone gives the state that is live."""

import json
import subprocess
import sys
from hashlib import sha256

from controller.parts.installed import ROOT
from controller.supervise.plan import environment_of
from controller.wire.codec import table_json
from tests.journey.test_alerts import returned_by_alert
from tests.journey.world import Tale


def replay(tale: Tale, source: str) -> dict[str, object]:
    """Run `segue replay` as an auditor would, and return what it says about the tale's service."""
    settings = tale.world.tree.settings
    run = subprocess.run(
        [sys.executable, "-m", "controller.cli", "replay", "--from", source, "--check", "--json"],
        env={"PATH": "/usr/bin:/bin", **environment_of(settings, tale.world.tree.tokens.file, 0)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    services: dict[str, dict[str, object]] = json.loads(run.stdout)["services"]
    return services[tale.service]


def test_replay_from_kafka_gives_identical_state(tale: Tale) -> None:
    """Given a history with a rollback, folding it from Kafka gives the live state and table, byte for byte."""
    facts = returned_by_alert(tale)
    assert replay(tale, "kafka") == replay(tale, "sql")
    assert tale.sentences() == facts


def test_replay_from_sql_gives_identical_state(tale: Tale) -> None:
    """Given a history with a rollback, folding it from SQL gives the table that routers follow, byte for byte."""
    facts = returned_by_alert(tale)
    replayed = replay(tale, "sql")
    assert tale.sentences() == facts
    assert replayed["table_sha256"] == sha256(table_json(tale.world.reader.tables[tale.service])).hexdigest()
