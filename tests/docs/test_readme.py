"""What README tells people to type is tried: its commands, its event, its plan, its routes, its SQL."""

import asyncio
import html
import json
import re
import shlex
import sqlite3
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from controller.core.commands import RequestRollout
from controller.core.plan import Plan
from controller.demo.hops import read_topic
from controller.handle import handle
from controller.journal.facts import latest
from controller.journal.schema import upgrade
from controller.journal.store import open_store
from controller.outside.kafka import ensure_topics
from controller.parts.installed import ROOT
from controller.parts.kafka import start_kafka
from controller.supervise.tokens import keep_tokens
from controller.wire.alertmanager import messages
from controller.wire.inbound import Received, read
from controller.wire.topics import Topic
from tests.journal.messages import alert, installed, rolling
from tests.spec import release

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return README's code blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def block(language: str) -> str:
    """Return README's only code block of a language."""
    (text,) = blocks(language)
    return text


def shell_lines() -> list[str]:
    """Return README's shell lines, and the commands that stand in its tables, without comments."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    lines = [line.split("  #")[0].split(" # ")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line] + re.findall(r"`(segue [^`]+)`", README)


CALL = re.compile(r"(?P<setting>SEGUE_\w+=\S+ )?(\.local/venv/bin/)?segue ")
SEGUE_LINES = sorted({line for line in shell_lines() if CALL.match(line)})


@pytest.mark.parametrize("line", SEGUE_LINES)
def test_segue_knows_every_verb_and_option(line: str) -> None:
    """Each verb that README names exists, with each option that it gives it."""
    words = shlex.split(CALL.sub("", line, count=1))
    verbs = [word for word in words[:2] if re.fullmatch(r"[a-z-]+", word)]
    if verbs[0] not in {"rollout", "plan", "service", "release", "dead-letters", "db"}:
        verbs = verbs[:1]
    shown = subprocess.run(
        [sys.executable, "-m", "controller.cli", *verbs, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.stdout, f"{' '.join(verbs)} knows no {option}"


async def lived(url: str) -> None:
    """Let one candidate be taken back by an alert, and another begin."""
    store = await open_store(url)
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000), *rolling("1.6.0", 20_000)])
    await store.close()


def test_what_a_demo_left_behind_can_be_asked(tmp_path: Path) -> None:
    """The commands shown for the demo's data answer from a folder alone, when nothing runs any more."""
    demo = ".local/demo/segue"
    lines = [line for line in SEGUE_LINES if demo in line]
    assert {line.split()[2] for line in lines} == {"explain", "history"}
    url = f"sqlite:///{tmp_path}/segue.db"
    upgrade(url)
    asyncio.run(lived(url))
    for line in lines:
        call = line.replace(demo, str(tmp_path)).replace(".local/venv/bin/segue", f"{sys.executable} -m controller.cli")
        done = subprocess.run(["sh", "-c", call], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        assert "1.6.0" in done.stdout


def test_make_knows_every_target() -> None:
    """Each `make` target that README names is one of the Makefile's."""
    targets = {line.split()[1] for line in shell_lines() if line.startswith("make ")}
    assert {"demo", "test", "check"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"the Makefile has no target {target}"


def test_alertmanager_takes_the_routes(tmp_path: Path) -> None:
    """The configuration shown is one that Alertmanager accepts."""
    config = tmp_path / "alertmanager.yml"
    config.write_text(block("yaml"))
    checked = subprocess.run(["amtool", "check-config", str(config)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


async def test_event_is_published_decided_and_found_by_sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event shown, published as shown, starts a rollout with the plan shown, and the SQL shown finds it."""
    with start_kafka(tmp_path / "kafka") as kafka:
        ensure_topics(kafka.bootstrap, "")
        monkeypatch.chdir(tmp_path)
        (tmp_path / "release.json").write_text(json.dumps(asdict(release("1.4.0")) | {"digest": f"sha256:{'4' * 64}"}))
        names: dict[str, object] = {}
        code = block("python").replace("localhost:9092", kafka.bootstrap)
        exec(code, names)  # noqa: S102  # README's own code, run as its reader would
        names["producer"].close()  # type: ignore[attr-defined]  # the code just run has made it
        (message,) = read_topic(kafka.bootstrap, "", Topic.REQUESTED)
    record = Received(Topic.REQUESTED, 0, 0, b"hibari", message.value, message.headers, message.at_ms)
    asked = read(record)
    assert isinstance(asked.command, RequestRollout)
    assert asked.command.plan == "quick"

    database = tmp_path / "segue.db"
    upgrade(f"sqlite:///{database}")
    store = await open_store(f"sqlite:///{database}")
    await handle(store, [asked])
    await store.close()
    with sqlite3.connect(database) as connection:
        rows = connection.execute(block("sql")).fetchall()
    connection.close()
    assert [row[1:] for row in rows] == [("RolloutStarted", "ci", "nightly build")]


async def test_alert_takes_a_release_back_once(tmp_path: Path) -> None:
    """The alert shown, sent as shown to the API, takes the candidate back; sent again, it leaves no second fact."""
    (command,) = [one for one in blocks("sh") if "/alertmanager" in one]
    words = shlex.split(command)
    assert words[words.index("-H") + 1] == "authorization: Bearer $(cat .local/segue/tokens.alertmanager)"
    assert keep_tokens(tmp_path / ".local/segue", {}).alertmanager_file == tmp_path / ".local/segue/tokens.alertmanager"
    body = words[words.index("-d") + 1].encode()
    upgrade(f"sqlite:///{tmp_path}/segue.db")
    store = await open_store(f"sqlite:///{tmp_path}/segue.db")
    await handle(store, [*installed(), *rolling("1.5.0", 10_000)])
    left = []
    for offset in (1, 2):
        (said,) = messages(body, 15_000)
        await handle(store, [read(Received(Topic.ALERTS, 0, offset, said.key, said.value, said.headers, 15_000))])
        left.append([one.type for one in await latest(store, "hibari", 50)])
    await store.close()
    assert "RolloutAborted" in left[0]
    assert left[1] == left[0]


def test_plan_is_read() -> None:
    """The plan shown is accepted as part of a request."""
    asked = {
        "service": "hibari",
        "release": asdict(release("1.4.0")) | {"digest": f"sha256:{'4' * 64}"},
        "plan": json.loads(block("json")),
        "actor": "ci",
        "reason": "nightly",
    }
    event = {"specversion": "1.0", "type": "io.segue.rollout.requested", "source": "ci", "id": "1", "data": asked}
    command = read(Received(Topic.REQUESTED, 0, 0, b"hibari", json.dumps(event).encode(), (), 1)).command
    assert isinstance(command, RequestRollout)
    assert isinstance(command.plan, Plan)
    assert [(step.weight_bp, step.hold_s) for step in command.plan.steps] == [(500, 600), (5000, 600)]


def test_the_picture_names_no_folder_of_a_machine() -> None:
    """What make demo printed where it was drawn is what it prints anywhere."""
    picture = html.unescape((ROOT / "docs/demo.svg").read_text())
    assert not re.findall(r"/\S*\.local/", picture)
