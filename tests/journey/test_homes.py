"""A release that lives on more than one Triton."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.core.events import EndpointEjected, EndpointReadmitted, ReleaseFailed
from controller.core.names import Release
from controller.parts.triton import Triton, start_triton
from controller.supervise.plan import Part
from tests.journey.starting import running_world
from tests.journey.test_observing import users
from tests.journey.world import Tale, World


@pytest.fixture(scope="module")
def tritons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Triton, Triton]]:
    """Two Tritons that read one repository."""
    folder = tmp_path_factory.mktemp("homes")
    with ExitStack() as stack:
        one, other = (stack.enter_context(start_triton(folder / name, folder / "models")) for name in "ab")
        yield one, other


@pytest.fixture(scope="module")
def world(tritons: tuple[Triton, Triton]) -> Iterator[World]:
    """A Segue that was given both."""
    folder = tritons[0].repository.parent
    with running_world(folder, "sqlite", "", [Part.KAFKA], tritons=tritons) as world:
        yield world


def test_a_release_lives_on_two_endpoints_and_outlives_one(tale: Tale, tritons: tuple[Triton, Triton]) -> None:
    """When one of its Tritons dies while users speak, nobody goes unheard and the rollout goes on; then it is back."""
    lasting, dying = tritons
    old, new = tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660")
    told = tale.install(old)
    tale.request(new, endpoints=[lasting.http, dying.http])
    told += [
        f"RolloutStarted {tale.service}-2 1.5.0 from 1.4.0",
        "ReleaseReady 1.5.0",
        "StepStarted 0 5000",
        "RouteSet 2 stable=1.4.0:5000 candidate=1.5.0:5000",
    ]
    tale.told(*told)
    arms = {arm.release.version: arm.endpoints for arm in tale.world.reader.tables[tale.service].arms}
    assert arms == {"1.4.0": (), "1.5.0": (lasting.http, dying.http)}
    with users(tale):
        answers_from(tale, new, lasting, dying)
        dying.kill()
        tale.world.until("it is left alone", lambda: said(tale, EndpointEjected, new, dying))
        tale.order("advance")
        told += ["RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 3 stable=1.5.0:10000 previous=1.4.0:0"]
        tale.told(*told)
        dying.start()
        tale.world.until("it is asked again", lambda: said(tale, EndpointReadmitted, new, dying))
        answers_from(tale, new, lasting, dying)
    assert tale.sentences() == told
    assert not any(isinstance(fact.event, ReleaseFailed) for fact in tale.facts())


def said(tale: Tale, kind: type[EndpointEjected | EndpointReadmitted], release: Release, triton: Triton) -> bool:
    """Say whether the gateway reported this of a release on a Triton."""
    events = [fact.event for fact in tale.facts()]
    return any(
        isinstance(one, kind) and (one.ensemble, one.endpoint) == (release.ensemble, triton.http) for one in events
    )


def answers_from(tale: Tale, release: Release, *tritons: Triton) -> None:
    """Wait until users were answered by the release from each of these Tritons, since now."""
    before = answers(tale, release)
    deadline = time.monotonic() + 30
    while any(answers(tale, release).get(one.http, 0) <= before.get(one.http, 0) for one in tritons):
        assert time.monotonic() < deadline, f"{release.version} does not answer from everywhere"
        time.sleep(0.1)


def answers(tale: Tale, release: Release) -> dict[str, float]:
    """Count the users whom the release answered, by endpoint."""
    shown = httpx.get(f"{tale.world.tree.gateway_url}/metrics").text
    samples = [sample for family in text_string_to_metric_families(shown) for sample in family.samples]
    wanted = {"service": tale.service, "release": release.version, "outcome": "ok"}
    found: dict[str, float] = defaultdict(float)
    for sample in samples:
        if sample.name == "segue_root_requests_total" and wanted.items() <= sample.labels.items():
            found[sample.labels["endpoint"]] += sample.value
    return found
