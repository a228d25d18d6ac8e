"""A consumer that dies, or is taken for dead, with an alert in hand: the rollback happens, and happens once."""

import signal
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from controller.parts.ports import free_port
from tests.chaos.rollback import ROLLED_BACK, deciders_away, rolled_back_once
from tests.chaos.sight import counted, taken, until, written
from tests.consumers.process import hosting
from tests.journey.test_alerts import candidate_is_up
from tests.journey.world import Tale


def dies(tale: Tale, point: str, *functions: str) -> None:
    """An alert fires, and the process that hosts these functions dies over it at a named point."""
    with hosting(tale.world.tree.settings, point, *functions) as doomed:
        assert tale.world.webhook(tale.alert("1.5.0")).status_code == 202
        assert doomed.wait(30) == -signal.SIGKILL


def test_consumer_killed_before_commit(tale: Tale) -> None:
    """Given a consumer killed with all facts written and none committed, nothing has happened, and then all of it."""
    told = candidate_is_up(tale)
    before = written(tale)
    with deciders_away(tale):
        dies(tale, "before-commit", "alerts")
        assert written(tale) == before
        assert tale.sentences() == told
    rolled_back_once(tale, told)
    assert taken(tale) == {"decided": 2, "duplicate": 0}


def test_consumer_killed_after_commit_before_publish(tale: Tale) -> None:
    """Given a consumer killed right after its commit, the facts wait in the database and are published by another."""
    told = candidate_is_up(tale)
    before = written(tale)
    with deciders_away(tale):
        dies(tale, "after-commit", "alerts")
        assert written(tale) == before + len(ROLLED_BACK)
        assert tale.sentences() == told
        assert tale.table() == ["stable=1.4.0:5000", "candidate=1.5.0:5000"]
    rolled_back_once(tale, told)
    assert taken(tale) == {"decided": 1, "duplicate": 1}


def test_consumer_killed_after_publish_before_offset(tale: Tale) -> None:
    """Given a consumer killed between publishing and acknowledging, traffic is back, and the same alert stays quiet."""
    told = candidate_is_up(tale)
    before = written(tale)
    with deciders_away(tale):
        dies(tale, "after-publish", "alerts", "relay")
        tale.told(*told, *ROLLED_BACK)
        tale.world.until("the table", lambda: tale.table() == ["stable=1.4.0:10000"])
        assert written(tale) == before + len(ROLLED_BACK)
    rolled_back_once(tale, told)
    assert taken(tale) == {"decided": 1, "duplicate": 1}


def test_rebalance_mid_rollback(tale: Tale) -> None:
    """Given a consumer that stalls with the alert in hand, its partition moves on, and what it does later is quiet."""
    told = candidate_is_up(tale)
    port = free_port()
    settings = replace(tale.world.tree.settings, worker_port=port)
    with ExitStack() as group:
        with deciders_away(tale):
            member = group.enter_context(hosting(settings, "in-hand", "alerts"))
            assert tale.world.webhook(tale.alert("1.5.0")).status_code == 202
            until("it stalls", lambda: is_stopped(member.pid))
            assert tale.sentences() == told
        # The group found out that one member is silent, and gave its partitions to the others.
        tale.told(*told, *ROLLED_BACK)
        tale.applied(3)
        member.send_signal(signal.SIGCONT)
        until("it goes on", lambda: counted(port, "segue_messages_total", function="alerts", outcome="duplicate") == 1)
        rolled_back_once(tale, told)
        member.terminate()
        assert member.wait(10) == 0


def is_stopped(pid: int) -> bool:
    """Say whether a process stands still, as after SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
