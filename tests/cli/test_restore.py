"""`segue restore` and `segue rebuild`, as they are typed on a bad day."""

import re
import sqlite3
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from controller.journal import Store
from controller.parts.installed import ROOT
from controller.settings import Settings
from controller.supervise.plan import Part
from controller.supervise.tree import Tree, start_tree
from tests.cli.conftest import Deciding
from tests.cli.copies import published
from tests.cli.segue import TONE, segue_in
from tests.cli.test_verify import decided
from tests.journal.messages import SERVICE

DISASTER = ROOT / "docs" / "disaster.md"


def test_what_segue_up_kept_in_its_folder_goes_on(tmp_path: Path) -> None:
    """A rollout begins, the database is moved away as the page says and restored from Kafka, and another follows it."""
    segue = segue_in(tmp_path)
    for version, hz in (("1.0.0", 220), ("1.1.0", 330)):
        segue.json("release", "build", str(TONE), "--version", version, "--param", f"voice.frequency_hz={hz}")
    settings = Settings(data=tmp_path / "data", repository=tmp_path / "models")

    def control() -> AbstractContextManager[Tree]:
        return start_tree(settings, parts=[Part.KAFKA], processes=["control"], free_ports=True)

    def requested(version: str) -> list[str]:
        words = ("--release", version, "--reason", "a test says so", "--wait", "30")
        return [fact["type"] for fact in segue.json("rollout", "start", "phoenix", *words)["facts"]]

    with control():
        assert requested("1.0.0") == ["RolloutStarted"]
        before = segue.json("history", "phoenix")
    (shown,) = re.findall(r"^```sh\n(mkdir .*?)^```$", DISASTER.read_text(), re.MULTILINE | re.DOTALL)
    subprocess.run(["sh", "-ec", shown.replace(".local/segue", str(settings.data))], check=True)
    assert not list(settings.data.glob("segue.db*"))
    assert (settings.data / "damaged" / "segue.db.lives").is_dir()
    assert segue.json("restore", "--from", "kafka")["undecided"] == 0
    with control():
        assert segue.json("history", "phoenix") == before
        assert requested("1.1.0") == ["RolloutSuperseded", "RolloutStarted"]
        assert "every fact in SQL and in Kafka is what was written" in segue("verify").out


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
        "completed": 0,
        "otherwise": [],
        "untold": [SERVICE],
        "contradicting": 0,
        "distrusted": 0,
        "ahead": [],
        "unreadable": [],
        "passed_over": 0,
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
