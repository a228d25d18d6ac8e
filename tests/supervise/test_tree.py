"""All of it started side by side: what needs another member waits for it by itself."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection

from controller.core.errors import Broken
from controller.journal.database import database
from controller.journal.glance import is_newest
from controller.parts.http import answers_ok
from controller.parts.kafka import start_kafka
from controller.parts.process import Process, Program
from controller.settings import Settings
from controller.supervise.plan import Part, lay_out
from controller.supervise.tokens import keep_tokens
from controller.supervise.tree import Tree, start_tree
from tests.journal.test_schema import schema_at

Heard = list[tuple[str, str]]


def test_our_own_processes_begin_beside_kafka(tmp_path: Path) -> None:
    """On a first start, with no topics yet, a worker begins before Kafka is there, and is ready after it."""
    heard: Heard = []
    with start_tree(
        Settings(data=tmp_path),
        parts=[Part.KAFKA],
        processes=["control"],
        free_ports=True,
        told=lambda *what: heard.append(what),
    ) as tree:
        assert answers_ok(tree.layout.port("control"), "/ready")
        assert tree["control"].restarts == 0
    assert heard.index(("control", "starting")) < heard.index(("kafka", "ready")) < heard.index(("topics", "ready"))
    assert heard.index(("topics", "ready")) < heard.index(("control", "ready"))


def test_a_store_of_before_is_upgraded_before_our_own_begin(tmp_path: Path) -> None:
    """They would end at a schema that is not the newest."""
    settings = Settings(data=tmp_path)
    heard: Heard = []
    asyncio.run(_store_of_before(settings.database))
    with start_tree(
        settings,
        parts=[Part.KAFKA],
        processes=["control"],
        free_ports=True,
        told=lambda *what: heard.append(what),
    ) as tree:
        assert tree["control"].restarts == 0
    assert heard.index(("database", "ready")) < heard.index(("control", "starting"))
    assert is_newest(settings.database)


def test_none_of_our_own_begins_when_the_upgrade_fails(tmp_path: Path) -> None:
    """The start ends with what the database refuses, and what was begun beside the upgrade is gone."""
    settings = Settings(data=tmp_path)
    heard: Heard = []
    asyncio.run(_store_of_before(settings.database, "DROP INDEX inbox_service"))
    with (
        pytest.raises(Broken, match=r"segue\.db refuses: no such index"),
        start_tree(
            settings,
            parts=[Part.KAFKA],
            processes=["control"],
            free_ports=True,
            told=lambda *what: heard.append(what),
        ),
    ):
        raise AssertionError("it started")
    assert ("control", "starting") not in heard
    assert not is_newest(settings.database)


async def _store_of_before(url: str, *damage: str) -> None:
    """Make a store of a revision before the newest."""

    def make(connection: Connection) -> None:
        schema_at("0015", connection)
        for statement in damage:
            connection.exec_driver_sql(statement)

    made = database(url)
    await made.write(make)
    await made.close()


def test_a_kafka_that_is_given_gets_its_topics_before_them(tmp_path: Path) -> None:
    """Where Kafka runs already its topics are made first: it may make others by itself for whoever asks for them."""
    heard: Heard = []
    with (
        start_kafka(tmp_path / "kafka") as kafka,
        start_tree(
            Settings(data=tmp_path / "data", kafka=kafka.bootstrap),
            processes=["control"],
            parts=[],
            free_ports=True,
            told=lambda *what: heard.append(what),
        ),
    ):
        assert heard.index(("topics", "ready")) < heard.index(("control", "starting"))


def test_who_waits_for_a_kafka_that_cannot_start_is_ended_with_it(tmp_path: Path) -> None:
    """The start ends with Kafka's own words as soon as it has failed; what was begun beside it is gone."""
    damaged = tmp_path / "kafka" / "data" / "meta.properties"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("version=1\nnode.id=7\ncluster.id=somebody-else\n")
    heard: Heard = []
    with (
        pytest.raises(Broken, match="kafka ended with status"),
        start_tree(
            Settings(data=tmp_path),
            parts=[Part.KAFKA],
            processes=["control"],
            free_ports=True,
            told=lambda *what: heard.append(what),
        ),
    ):
        raise AssertionError("it started")
    assert ("control", "ready") not in heard


def test_what_failed_first_is_told(tmp_path: Path) -> None:
    """Where a process of ours ends while Kafka still starts, the error is of that, not of the Kafka ended for it."""
    programs = [Program("kafka", ["sleep", "600"], tmp_path / "kafka"), Program("control", ["false"], tmp_path / "own")]
    members = {one.name: Process(one, ready=lambda: False, deadline_s=60) for one in programs}
    layout = lay_out(Settings(data=tmp_path), [Part.KAFKA], ["control"], free_ports=True)
    tree = Tree(layout, keep_tokens(tmp_path, {}), members, lambda name, what: None)
    with pytest.raises(Broken, match="control ended with status 1"):
        tree.start()
    assert not any(child.running for child in tree.children.values())
