"""Endpoints that fall silent under a release while users speak with it."""

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from controller.core.events import EndpointEjected
from controller.core.names import Release
from tests.journey.world import Tale


def walk(tale: Tale, old: Release, new: Release) -> list[str]:
    """Let two releases share the traffic of a service whose alerts move nothing: the gateways' word stands alone."""
    told = tale.install(old)
    tale.request(new, alerts={"rules": [], "otherwise": "notify"})
    told += [
        f"RolloutStarted {tale.service}-2 {new.version} from {old.version}",
        f"ReleaseReady {new.version}",
        "StepStarted 0 5000",
        f"RouteSet 2 stable={old.version}:5000 candidate={new.version}:5000",
    ]
    tale.told(*told)
    tale.applied(2)
    return told


def moves(tale: Tale) -> list[str]:
    """Return all facts so far but the alerts that were noted."""
    return [sentence for sentence in tale.sentences() if not sentence.startswith("AlertNoted")]


def kill_stage(repository: Path, release: Release) -> None:
    """Kill the process in which Triton runs a release's stage, as the kernel does when memory is short."""
    config = (repository / release.ensemble / "config.pbtxt").read_text()
    stage = config.split('model_name: "')[1].split('"')[0]
    here = f"{repository.resolve()}/{stage}/".encode()
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"python_backend_stub" in command and here in command:
            os.kill(int(process.name), signal.SIGKILL)
            killed += 1
    assert killed == 1, f"{stage} runs in {killed} processes"


def test_candidate_dies_under_traffic(tale: Tale) -> None:
    """Given a candidate whose stage dies, every user is answered by stable, and what the gateway saw takes it back."""
    old = tale.world.release("8.8.0", frequency_hz="440")
    new = tale.world.release("8.9.0", frequency_hz="889")
    told = walk(tale, old, new)
    kill_stage(tale.world.tree.settings.repository, new)
    speaking = 0
    while not any(sentence.startswith("RouteSet 3") for sentence in tale.sentences()):
        assert set(tale.served_by([f"user-{speaking}"]).values()) == {"8.8.0"}
        speaking += 1
        assert speaking < 2000, "the candidate was never taken back"
    expected = [
        *told,
        "RolloutAborted release_failed 8.9.0 back to 8.8.0",
        "RouteSet 3 stable=8.8.0:10000",
        "ReleaseQuarantined 8.9.0",
    ]
    tale.world.until("the quarantine", lambda: moves(tale) == expected)
    ejected = [fact.event for fact in tale.facts() if isinstance(fact.event, EndpointEjected)]
    assert [(event.all_gone, event.others_speak, event.probed) for event in ejected] == [
        (True, True, False),
        (True, True, True),
    ]
    assert {event.endpoint for event in ejected} == {tale.world.tree.settings.triton_http}
    assert all(event.consecutive >= 5 for event in ejected)


def test_shared_triton_that_dies_condemns_nobody(tale: Tale) -> None:
    """Given the one Triton of all releases dies and comes back, the candidate is not blamed, and both speak again."""
    old = tale.world.release("8.6.0", frequency_hz="441")
    new = tale.world.release("8.7.0", frequency_hz="887")
    told = walk(tale, old, new)
    users = [f"user-{number}" for number in range(12)]
    before = tale.served_by(users)
    assert set(before.values()) == {"8.6.0", "8.7.0"}
    triton = tale.world.tree["triton"]
    triton.kill(revive=False)
    assert {tale.say(user=user).status_code for user in users * 2} == {503}
    triton.start()
    deadline = time.monotonic() + 60
    while {user: answer.headers.get("x-segue-release") for user, answer in spoken(tale, users)} != before:
        assert time.monotonic() < deadline, "not every release speaks again"
        time.sleep(0.2)
    assert moves(tale) == told
    assert any(isinstance(fact.event, EndpointEjected) for fact in tale.facts())


def spoken(tale: Tale, users: list[str]) -> list[tuple[str, httpx.Response]]:
    """Let users speak, whatever comes of it."""
    return [(user, tale.say(user=user)) for user in users]


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_candidate_dies_and_is_healed(tale: Tale) -> None:
    """Given a candidate whose stage dies, its listener hears stable until the probe has had it loaded anew."""
    old = tale.world.release("8.4.0", frequency_hz="442")
    new = tale.world.release("8.5.0", frequency_hz="886")
    told = walk(tale, old, new)
    listener = next(user for user in map("user-{}".format, range(40)) if tale.served_by([user])[user] == "8.5.0")
    kill_stage(tale.world.tree.settings.repository, new)
    heard = [*tale.served_by([listener]).values()]
    deadline = time.monotonic() + 60
    while heard[-1] != "8.5.0":
        assert time.monotonic() < deadline, f"{listener} never heard the candidate again"
        # So seldom that its third silent probe comes before the fifth failure at the gateway, which would end it.
        time.sleep(2.5)
        heard += tale.served_by([listener]).values()
    assert set(heard[:-1]) == {"8.4.0"}
    assert healed(tale, new) == 1
    assert moves(tale) == told


def healed(tale: Tale, release: Release) -> float:
    """Return how often the release worker has had a release loaded anew."""
    metrics = httpx.get(tale.world.tree.layout.ready_url("releases").replace("/ready", "/metrics")).text
    told = (line for line in metrics.splitlines() if line.startswith("segue_release_heals_total{"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in told if release.ensemble in line)
