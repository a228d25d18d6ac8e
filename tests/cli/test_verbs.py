"""The verbs against a Segue that decides: what is asked is published, decided, told and found again."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.outside.kafka import publish
from tests.cli.conftest import Deciding
from tests.cli.segue import COMMAND, Segue

WHY = ("--reason", "a test says so")


def types(answer: Any) -> list[str]:
    """The kinds of facts in an answer."""
    return [fact["type"] for fact in answer["facts"]]


def start(segue: Segue, service: str, version: str = "1.0.0", *more: str, code: int = 0) -> Any:
    """Ask for a rollout."""
    return segue.json("rollout", "start", service, "--release", version, *WHY, *more, code=code)


def test_a_rollout_is_steered_by_its_verbs(deciding: Deciding) -> None:
    """Start, pause, resume and rollback each tell the facts they led to; what makes no sense is refused with 1."""
    segue = deciding.segue
    assert types(start(segue, "steered")) == ["RolloutStarted"]
    assert types(segue.json("rollout", "pause", "steered", *WHY)) == ["RolloutPaused"]
    refused = segue.json("rollout", "pause", "steered", *WHY, code=1)
    assert refused["refused"] == (
        "rollout steered-1 is paused already; `segue rollout resume steered --reason ...` lets it go on"
    )
    assert types(segue.json("rollout", "resume", "steered", *WHY)) == ["RolloutResumed"]
    assert types(segue.json("rollout", "promote", "steered", *WHY, code=1)) == ["OrderRefused"]
    assert types(segue.json("rollout", "pause", "steered", "--rollout", "steered-9", *WHY, code=1)) == ["OrderRefused"]
    assert types(segue.json("rollout", "rollback", "steered", *WHY))[0] == "RolloutAborted"


def test_orders_that_make_no_sense_yet_are_told_with_the_next_step(deciding: Deciding) -> None:
    """A candidate that still loads cannot advance, be extended or approved; each verb says why and ends with 1."""
    segue = deciding.segue
    start(segue, "too-early")
    sentences = {
        ("advance",): "not ready yet; order it again once it is loaded and heard",
        ("extend", "--by", "30m"): "no hold of rollout too-early-1 runs yet",
        ("approve", "--gate", "ear", "--role", "voice-quality"): "waits for no approval called ear",
        ("reject", "--gate", "ear"): "waits for no approval called ear",
        ("rollback", "--to", "0.9.0"): "is none that too-early can go back to, which are: none",
    }
    for (verb, *more), sentence in sentences.items():
        assert sentence in segue.json("rollout", verb, "too-early", *more, *WHY, code=1)["refused"]
    assert segue("rollout", "extend", "too-early", "--by", "soon", *WHY).code == 2


def test_a_service_is_retired_by_its_verb(deciding: Deciding) -> None:
    """Retiring ends what runs; who comes second hears it, and a new start begins anew."""
    segue = deciding.segue
    start(segue, "retired")
    assert types(segue.json("service", "retire", "retired", *WHY)) == ["RolloutAborted", "ServiceRetired"]
    refused = segue.json("rollout", "pause", "retired", *WHY, code=1)["refused"]
    assert "rollout retired-1 ended with the service by" in refused
    assert types(start(segue, "retired")) == ["RolloutStarted"]


def test_a_rollout_is_explained(deciding: Deciding) -> None:
    """`explain` tells the story of one rollout; of one that there is not, which there are."""
    segue = deciding.segue
    start(segue, "explained", "1.0.0", "--actor", "ann", "--endpoint", "triton-a:8000", "--endpoint", "triton-b:8000")
    segue.json("rollout", "rollback", "explained", *WHY, "--actor", "ben")
    told = segue("explain", "explained-1").out.splitlines()
    assert told[0].endswith("ann asked for 1.0.0 as the first release on triton-a:8000, triton-b:8000: a test says so.")
    assert re.fullmatch(r" +by message [0-9a-f-]{36} of segue/cli, rollout\.requested/\d/\d+", told[1])
    assert "(order, by ben), and nothing was left to serve: a test says so." in told[2]
    assert [one["position"] for one in segue.json("explain", "explained-1")["sentences"]] == [1, 2, 3]
    unknown = segue("explain", "explained-7")
    assert unknown.code == 1
    assert "there is no rollout explained-7; the latest of explained: explained-1" in unknown.err


def test_a_quarantined_release_returns_by_override_alone(deciding: Deciding) -> None:
    """What was rolled back is refused, until somebody overrides that by version and reason."""
    segue = deciding.segue
    start(segue, "quarantine")
    assert "ReleaseQuarantined" in types(segue.json("rollout", "rollback", "quarantine", *WHY))
    assert "quarantined" in start(segue, "quarantine", code=1)["refused"]
    lifted = segue.json("rollout", "override", "quarantine", "--release", "1.0.0", *WHY)
    assert types(lifted) == ["QuarantineLifted"]
    assert types(start(segue, "quarantine")) == ["RolloutStarted"]


def test_people_read_sentences(deciding: Deciding) -> None:
    """Without --json a verb tells each fact in a line, or that nothing changed."""
    segue = deciding.segue
    started = segue("rollout", "start", "told", "--release", "1.0.0", *WHY, "--actor", "ann")
    assert "RolloutStarted" in started.out
    assert "told-1: 1.0.0, the first release of this service: a test says so" in started.out
    again = segue("rollout", "start", "told", "--release", "1.0.0", *WHY, "--wait", "1.5")
    assert again.out == "Nothing changed: it was so already.\n"
    unheard = segue("rollout", "pause", "told", *WHY, "--wait", "0")
    assert "published to rollout.ordered" in unheard.out


def test_an_order_that_nobody_decides_is_told_from_one_that_changes_nothing(deciding: Deciding) -> None:
    """While the decider stands still, an order ends with 3 and says that it will be done; later it is done."""
    segue = deciding.segue
    start(segue, "held-up")
    quiet = start(segue, "held-up")
    assert (quiet["decided"], quiet["facts"]) == (True, [])
    with standing_still(segue, "control"):
        done = segue("rollout", "rollback", "held-up", *WHY, "--wait", "1")
        asked = start(segue, "held-up-too", "1.0.0", "--wait", "1", code=3)
    assert (done.code, done.out) == (3, "")
    assert re.search(
        r"nobody decided this within 1 s; it stands in Kafka \(rollout\.ordered/\d/\d+\), is not lost", done.err
    )
    assert "do not send it again; `segue status` says whether" in done.err
    assert "`segue history held-up` what came of it" in done.err
    assert (asked["decided"], asked["refused"], asked["facts"]) == (False, "", [])
    until_told(segue, "held-up", "RolloutAborted")
    assert until_told(segue, "held-up-too", "RolloutStarted")["cause"] == asked["id"]


@contextmanager
def standing_still(segue: Segue, name: str) -> Iterator[None]:
    """Let a process of the tree stand still for the length of the block."""
    (pid,) = (one["pid"] for one in segue.json("status")["members"] if one["name"] == name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def until_told(segue: Segue, service: str, type: str, within_s: float = 30) -> Any:
    """Wait until the history of a service has a fact of this kind, and return it."""
    deadline = time.monotonic() + within_s
    while not (told := segue.json("history", service, "--type", type, code=None)):
        assert time.monotonic() < deadline, f"no {type} of {service} within {within_s:g} s"
    return told[0]


def test_history_names_who_and_why(deciding: Deciding) -> None:
    """Every fact is found again with its actor, its reason and the message that caused it."""
    segue = deciding.segue
    started = start(segue, "remembered", "1.0.0", "--actor", "ann", "--plan", "quick")
    (fact,) = segue.json("history", "remembered")
    assert (fact["type"], fact["actor"], fact["reason"]) == ("RolloutStarted", "ann", "a test says so")
    assert fact["cause"] == started["id"]
    assert fact["event"]["plan"]["name"] == "quick"
    assert "1.0.0, the first release of this service: a test says so" in segue("history", "remembered").out
    assert "nothing was ever recorded" in segue("history", "forgotten").err


def test_watch_tells_every_change_until_it_is_over(deciding: Deciding) -> None:
    """`watch --until-done --json` prints a line per change, and ends with 1 when the rollout was taken back."""
    segue = deciding.segue
    start(segue, "watched")
    argv = [*COMMAND, "rollout", "watch", "watched", "--until-done", "--json"]
    with subprocess.Popen(argv, env=segue.env, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        assert first["rollout"]["phase"] == "preparing"
        assert first["waiting_for"].startswith("1.0.0 to be loaded and heard")
        segue.json("rollout", "rollback", "watched", *WHY)
        last = [json.loads(line) for line in watching.stdout][-1]
        assert last["rollout"] is None
        assert last["quarantined"] == [deciding.first.digest]
        assert watching.wait(10) == 1


def test_status_of_a_service_that_is_not_there_names_those_that_are(deciding: Deciding) -> None:
    """A misspelt service is told with the known ones."""
    start(deciding.segue, "spelt")
    done = deciding.segue("rollout", "status", "spellt")
    assert done.code == 1
    assert "spelt" in done.err.partition("known services:")[2]


def test_dead_letters_are_listed_shown_and_sent_again(deciding: Deciding) -> None:
    """A message that cannot be read stands in the dead letters with its bytes and reason; sent again it comes back."""
    segue = deciding.segue
    partition, offset = publish(deciding.tree.kafka, "rollout.requested", "lettered", b'{"half": ')
    letter = f"rollout.requested/{partition}/{offset}"
    waiting = Waiting(segue)
    waiting.until(letter)
    shown = segue.json("dead-letters", "show", letter)
    assert shown["service"] == "lettered"
    assert "allowed: JSON" in shown["reason"]
    assert '{"half": ' in segue("dead-letters", "show", letter).out
    assert letter in segue("dead-letters", "list").out
    sent = segue.json("dead-letters", "redrive", letter)
    waiting.until(f"rollout.requested/{sent['partition']}/{sent['offset']}")
    assert "there is no dead letter a/0/0" in segue("dead-letters", "show", "a/0/0").err


def test_the_stores_are_brought_up_to_date_again_and_again(deciding: Deciding) -> None:
    """Provisioning and upgrading what is up to date changes nothing and says so."""
    segue = deciding.segue
    assert {one["found"] for one in segue.json("topics")} == {"as specified"}
    assert segue.json("db", "upgrade") == segue.json("db", "upgrade")


def test_the_journal_is_verified_and_the_read_tables_made_anew(deciding: Deciding) -> None:
    """After `rebuild` every service stands as before, and every fact is what was written."""
    segue = deciding.segue
    start(segue, "rebuilt")
    before = segue.json("rollout", "status", "rebuilt")
    facts = segue.json("rebuild")["facts"]
    after = segue.json("rollout", "status", "rebuilt")
    assert {**after, "waiting_for": ""} == {**before, "waiting_for": ""}
    assert segue.json("db", "verify")["sql_facts"] == facts


def test_a_lost_topic_is_filled_and_a_living_database_is_not(deciding: Deciding) -> None:
    """From SQL every table goes out again; from Kafka nothing is restored while somebody decides."""
    segue = deciding.segue
    tables = segue.json("restore", "--from", "sql")
    start(segue, "restored")
    # It is in preparation: nobody hears it, and there is no table yet.
    assert segue.json("restore", "--from", "sql") == tables
    done = segue("restore", "--from", "kafka")
    assert done.code == 1
    assert "segue-rollouts, segue-orders, segue-alerts, segue-signals still decide: stop every process" in done.err


class Waiting:
    """Wait for a dead letter."""

    def __init__(self, segue: Segue) -> None:
        self.segue = segue

    def until(self, letter: str, tries: int = 40) -> None:
        """Return once the letter is listed."""
        for _ in range(tries):
            if any(one["letter"] == letter for one in self.segue.json("dead-letters", "list")):
                return
        raise AssertionError(f"no dead letter {letter}")


def test_a_plan_gets_a_name(deciding: Deciding, tmp_path: Path) -> None:
    """A plan that was set is listed with who and why, explained, and walked by whoever names it; a typo is told so."""
    segue, file = deciding.segue, tmp_path / "evening.yaml"
    file.write_text("{steps: [{weight: 5 %, hold: 1h}], gates: []}")
    (fact,) = segue.json("plan", "set", "planned", "evening", str(file), *WHY, "--actor", "ann")["facts"]
    assert (fact["type"], fact["actor"]) == ("PlanSet", "ann")
    assert segue.json("plan", "set", "planned", "evening", str(file), *WHY, "--wait", "1.5")["facts"] == []
    own = segue.json("plan", "list", "planned")[0]
    assert (own["name"], own["version"], own["actor"], own["reason"]) == ("evening", 1, "ann", "a test says so")
    assert "5 %" in segue("plan", "explain", "evening", "--service", "planned").out
    refused = start(segue, "planned", "1.0.0", "--plan", "evning", code=1)["refused"]
    assert refused == "there is no plan evning; of planned there is: evening, careful, quick, at-once"
    assert types(start(segue, "planned", "1.0.0", "--plan", "evening")) == ["RolloutStarted"]
    assert "built in" in segue("plan", "list", "planned").out
