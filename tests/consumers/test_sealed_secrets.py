"""What lets us in stays where it was put: nothing that a run wrote, showed or published tells it."""

import asyncio
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from controller.journal import open_store
from controller.journal.schema import upgrade
from controller.outside.signing import make_key
from controller.parts.ports import LOOPBACK, free_ports
from controller.parts.postgres import Postgres
from controller.settings import Settings
from controller.supervise.plan import environment_of
from controller.wire.topics import Topic
from tests.api.world import OPERATOR, VIEWER, bearer
from tests.cli.segue import COMMAND, Done, Segue, segue_in
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import SERVICE, requested
from tests.journey.test_secrets import content
from tests.parts.sealed import PLAIN_PASSWORD

WRONG: Final = "not-this-0123456789"
HOOK: Final = "hooks/T0123456789abcdef"
GIVEN: Final = ("tokens", "key.pem", "password")
"""The files that hold secrets because they were given there."""
PROCESSES: Final = {"worker": (*DECIDERS, "checkpoints", "notifier"), "gateway": ("gateway",), "api": ("api",)}


@pytest.fixture
def world(sealed_world: World, postgres: Postgres, tmp_path: Path) -> World:
    """A Segue that was given a secret of every kind, and writes down all that it can."""
    upgrade(url := postgres.create("segue"))
    make_key(tmp_path / "key.pem")
    (tmp_path / "tokens").write_text(f"viewer:{VIEWER}\noperator:{OPERATOR}\n")
    worker, gateway, api, triton, people = free_ports(5)
    sealed_world.settings = replace(
        sealed_world.settings,
        database_url=url,
        kafka_sasl_mechanism="PLAIN",  # which sends the password itself
        kafka_password=PLAIN_PASSWORD,
        tokens={VIEWER: "viewer", OPERATOR: "operator"},
        signing_key=str(tmp_path / "key.pem"),
        checkpoint_every_s=1,
        notify_webhook=f"http://{LOOPBACK}:{people}/{HOOK}",  # where nobody listens, so that it is complained of
        worker_port=worker,
        gateway_port=gateway,
        api_port=api,
        triton_http=f"{LOOPBACK}:{triton}",
        router="gateway@secrets",
        log_level="DEBUG",
    )
    return sealed_world


async def test_no_secret_is_told(world: World, postgres: Postgres, tmp_path: Path) -> None:
    """At DEBUG, by whoever was let in and whoever was not: no log, answer, metric, output, message, row or file."""
    settings, key = world.settings, (tmp_path / "key.pem").read_text().splitlines()[1:-1]
    secrets = {*settings.secrets, HOOK, WRONG, *key}
    assert len(secrets) == 8
    with running(settings, tmp_path) as logs:
        await world.publish(requested("1.4.0").record)
        await world.until_told(SERVICE, "RolloutStarted")

        async def is_signed() -> bool:
            return len(await world.values(Topic.CHECKPOINTS)) > 0

        async def is_complained_of() -> bool:
            return "webhook does not answer" in (logs / "worker").read_text()

        await world.until("it is signed", is_signed)
        await world.until("nobody is notified", is_complained_of)
        shown = [*await answers(settings), *await outputs(settings, tmp_path)]
    for told in ("SEGUE_KAFKA_PASSWORD, or add the user", "password authentication failed", "segue_facts_total"):
        assert any(told in one for one in shown), told
    shown += [value.decode() for topic in Topic for value in await world.values(topic)]
    shown += await rows(settings)
    assert [one[:2_000] for one in shown if any(secret in one for secret in secrets)] == []
    assert telling((tmp_path, postgres.data), secrets) == []


def telling(folders: Iterable[Path], secrets: set[str]) -> list[Path]:
    """Return the files that tell any of the secrets."""
    found = [file for folder in folders for file in folder.rglob("*") if file.is_file() and file.name not in GIVEN]
    by_name = {file.name: file for file in found}
    assert {*PROCESSES, "PG_VERSION"} <= by_name.keys()
    assert b'"level": "debug", "logger": "aiokafka' in content(by_name["worker"])
    return [file for file in found if any(secret.encode() in content(file) for secret in secrets)]


def segue(settings: Settings, folder: Path) -> Segue:
    """Return the command as a process with these settings is started."""
    return segue_in(folder, **environment_of(settings, folder / "tokens", settings.worker_port))


@contextmanager
def running(settings: Settings, folder: Path) -> Iterator[Path]:
    """Run our processes as a machine does, and give the folder of their logs; all end in order with the block."""
    (logs := folder / "logs").mkdir()
    with ExitStack() as stack:
        children = []
        for name, functions in PROCESSES.items():
            log = stack.enter_context((logs / name).open("wb"))
            argv, env = [*COMMAND, "run", *functions], segue(settings, folder).env
            child = stack.enter_context(subprocess.Popen(argv, env=env, stdout=log, stderr=subprocess.STDOUT))
            stack.callback(child.kill)
            children.append(child)
        yield logs
        for child in children:
            child.send_signal(signal.SIGTERM)
        assert [child.wait(20) for child in children] == [0] * len(children)


async def answers(settings: Settings) -> list[str]:
    """Ask every port whatever it answers, as somebody with a token and as somebody without a good one."""
    told = []
    async with httpx.AsyncClient() as client:
        for port in (settings.worker_port, settings.gateway_port, settings.api_port):
            for token in (VIEWER, OPERATOR, WRONG):
                at = f"http://{LOOPBACK}:{port}"
                asked = [
                    await client.get(at + path, headers=bearer(token))
                    for path in ("/health", "/ready", "/metrics", "/v1/services", f"/v1/services/{SERVICE}")
                ]
                asked.append(await client.post(f"{at}/v1/rollouts", content=b"{", headers=bearer(token)))
                told += [f"{answer.headers}{answer.text}" for answer in asked]
    return told


async def outputs(settings: Settings, folder: Path) -> list[str]:
    """Call commands: as they should be, with another password for Kafka, and with another one for the database."""
    pause = ("rollout", "pause", SERVICE, "--reason", "is it told?", "--json")
    elsewhere = make_url(settings.database_url).set(password=WRONG).render_as_string(hide_password=False)
    known, stranger, other = (
        segue(one, folder)
        for one in (settings, replace(settings, kafka_password=WRONG), replace(settings, database_url=elsewhere))
    )
    calls = (
        (known, ("topics", "--json")),
        (known, pause),
        (stranger, pause),
        (stranger, ("topics",)),
        (other, ("verify",)),
    )
    done: list[Done] = await asyncio.gather(*(asyncio.to_thread(one, *call) for one, call in calls))
    return [one.out + one.err for one in done]


async def rows(settings: Settings) -> list[str]:
    """Return all that any table holds."""
    store = await open_store(settings.database_url)
    names = await store.rows(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"), {})
    assert {"journal", "inbox", "checkpoints"} <= {name for (name,) in names}
    found = [await store.rows(text(f'SELECT one::text FROM "{name}" one'), {}) for (name,) in names]
    await store.close()
    return [row[0] for table in found for row in table]
