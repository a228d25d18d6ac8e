"""The observer on real parts: what gateways count becomes facts, each window once; not to see is said."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest

from consumers.observer import observed
from consumers.worker import Readiness
from controller.core.events import AnyEvent, RolloutAborted, Trigger, WindowMeasured
from controller.core.gate import Outcome
from controller.core.gates import Gate, GateKind
from controller.core.plan import Plan, Step, Until
from controller.core.state import State
from controller.handle import handle
from controller.journal import Store, views
from controller.parts.prometheus import Prometheus, start_prometheus
from controller.wire.messages import MessageType
from tests.consumers.world import World
from tests.journal.messages import SERVICE, installed, message, ready, record, release
from tests.observe.exporter import Exporter
from tests.observe.neighbour import neighbour
from tests.spec import after, request
from tests.spec import installed as spec_installed
from tests.spec import ready as spec_ready

CONTROL = ("rollouts", "signals", "relay")


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    """A gateway's metrics."""
    with Exporter() as running:
        yield running


@pytest.fixture
def prometheus(tmp_path: Path, exporter: Exporter) -> Iterator[Prometheus]:
    """A Prometheus that reads them ten times a second."""
    targets = json.dumps([f"127.0.0.1:{exporter.port}"])
    config = (
        "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
        f"scrape_configs: [{{job_name: segue, static_configs: [{{targets: {targets}}}]}}]\n"
    )
    with start_prometheus(tmp_path / "prometheus", config) as running:
        yield running


@pytest.fixture
def observing(world: World, prometheus: Prometheus) -> World:
    """A Segue that looks every second."""
    world.settings = replace(world.settings, prometheus=prometheus.url, observe_every_s=1)
    return world


async def roll_out(world: World, plan: object = "quick", service: str = SERVICE) -> None:
    """1.4.0 serves, and 1.5.0 is its candidate by a plan with gates."""
    for number, version in enumerate(("1.4.0", "1.5.0")):
        data = {"actor": "ci", "reason": "nightly", "release": asdict(release(version)), "plan": plan}
        at_ms = 10_000 * number
        await world.publish(record(MessageType.REQUESTED, f"request-{version}", at_ms, data, service))
        await world.until_told(service, "RolloutStarted")
        await world.publish(ready(version, at_ms + 1_000, service).record)
        await world.until(f"{version} is served", partial(_serves, world, service, version))


async def _serves(world: World, service: str, version: str) -> bool:
    table = await world.table(service)
    return table is not None and version in {arm.release.version for arm in table.arms}


async def windows(world: World) -> list[WindowMeasured]:
    """The windows that the journal has."""
    return [event for event in await events(world) if isinstance(event, WindowMeasured)]


async def events(world: World) -> list[AnyEvent]:
    """The service's facts, each once: they are published at least once."""
    return list({fact.position: fact.event for fact in await world.facts(SERVICE)}.values())


async def clear(world: World, after: int = 0) -> list[WindowMeasured]:
    """Wait for a window behind the first `after` facts that saw something, and return all from there on."""
    found: list[WindowMeasured] = []

    async def seen() -> bool:
        found[:] = (await windows(world))[after:]
        return any(not window.blind for window in found)

    await world.until("a window is measured", seen)
    return found


async def test_what_gateways_count_is_measured_once(observing: World, store: Store, exporter: Exporter) -> None:
    """Windows are facts one behind the other and hold all that was counted, though two observers send each."""
    async with observing.hosting(store, *CONTROL), observing.hosting(store, "observer", "observer"):
        await roll_out(observing)
        await clear(observing)
        for _ in range(5):
            exporter.speak("candidate", "1.5.0", ok=9, failed=1)
            exporter.speak("stable", "1.4.0", ok=40)
            await asyncio.sleep(0.5)

        async def counted() -> bool:
            measured = await windows(observing)
            return sum(one.window.candidate.requests for one in measured) >= 50

        await observing.until("all requests are measured", counted)
        measured = [window for window in await windows(observing) if not window.blind]
    assert sum(one.window.candidate.requests for one in measured) == 50
    assert sum(one.window.candidate.failures for one in measured) == 5
    assert sum(one.window.stable.requests for one in measured) == 200
    spans = [(one.window.start_ms, one.window.end_ms) for one in measured]
    assert all(end - start == 1_000 and end % 1_000 == 0 for start, end in spans)
    assert len(set(spans)) == len(spans)
    assert spans == sorted(spans)
    assert {(one.actor, one.reason) for one in measured} == {("segue/observer", "measured for 1 s")}


async def test_blindness_is_told_and_ends(
    observing: World, store: Store, exporter: Exporter, prometheus: Prometheus
) -> None:
    """With Prometheus gone one fact says so; when it is back, windows count what is new since, and nothing twice."""
    async with observing.hosting(store, *CONTROL, "observer"):
        await roll_out(observing)
        await clear(observing)
        prometheus.stop()
        exporter.speak("candidate", "1.5.0", ok=4)

        async def blind() -> bool:
            return bool((await windows(observing))[-1].blind)

        await observing.until("blindness is told", blind)
        told = await windows(observing)
        assert told[-1].blind == "Prometheus does not answer (ConnectError)"
        prometheus.start()
        again = await clear(observing, after=len(told))
        assert sum(one.window.candidate.requests for one in again) in (0, 4)


def holding(plan: Plan) -> State:
    """1.4.0 serves; 1.5.0 stands in the first step of a plan."""
    return after(request("1.5.0", plan), spec_ready("1.5.0"), past=spec_installed()).state


def test_only_what_measurements_decide_is_observed() -> None:
    """A plan that walks by the clock, or waits for people alone, is not measured; nor is what is not served yet."""
    step = Step(500, 60)
    evidence, approval = Gate("evidence", GateKind.EVIDENCE), Gate("lena", GateKind.APPROVAL)
    assert observed(holding(Plan("watched", (step,), gates=(evidence,)))) is not None
    assert observed(holding(Plan("proven", (Step(500, 60, Until.EVIDENCE),)))) is not None
    assert observed(holding(Plan("clock", (step,)))) is None
    assert observed(holding(Plan("people", (Step(500, 60, gates=("lena",)),), gates=(approval,)))) is None
    preparing = after(request("1.5.0", Plan("watched", (step,), gates=(evidence,))), past=spec_installed())
    assert observed(preparing.state) is None
    assert observed(after(past=spec_installed()).state) is None


async def test_outside_service_takes_a_candidate_back(observing: World, store: Store) -> None:
    """What a service answers to a gate goes with the next window, and that one decides."""

    def fail(handler: BaseHTTPRequestHandler, _: Event) -> None:
        body = b'{"outcome": "fail", "reason": "it sounds flat"}'
        handler.send_response(200)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with neighbour(fail) as url:
        gates = [{"kind": "http", "name": "ears", "query": url}, {"kind": "fleet", "above": 3}]
        plan = {"name": "listened", "steps": [{"weight_bp": 500, "hold_s": 600}], "gates": gates}
        async with observing.hosting(store, *CONTROL, "observer"):
            await roll_out(observing, plan)
            await observing.until_told(SERVICE, "RolloutAborted", "RouteSet", "ReleaseQuarantined")
    facts = await events(observing)
    (aborted,) = [event for event in facts if isinstance(event, RolloutAborted)]
    assert (aborted.trigger, aborted.reason, aborted.guilty) == (Trigger.GATE, "ears: it sounds flat", ("ears",))
    # An answer may take longer than a window; those before it carry none.
    *_, measured = [event for event in facts if isinstance(event, WindowMeasured)]
    assert [(one.gate, one.outcome, one.value) for one in measured.readings] == [
        ("ears", Outcome.FAIL, None),
        ("fleet", None, 0.0),
    ]


async def test_hanging_prometheus_holds_up_no_service(world: World, store: Store) -> None:
    """Of twenty services, more than are asked at once, each is told that Prometheus does not answer."""
    names = [f"voice-{number}" for number in range(20)]
    data = {"actor": "ci", "reason": "nightly", "release": asdict(release("1.5.0")), "plan": "quick"}
    for name in names:
        asked_for = message(MessageType.REQUESTED, "request-1.5.0", 10_000, data, name)
        await handle(store, [*installed(name), asked_for, ready("1.5.0", 11_000, name)])
    with neighbour(lambda _, ended: ended.wait()) as url:
        world.settings = replace(world.settings, prometheus=url, observe_every_s=2)
        async with world.hosting(store, "signals", "observer"):

            async def told() -> bool:
                return all(one.state.rollout and one.state.rollout.blind for one in await views.holding(store))

            await world.until("every service is told", told)
    rollouts = [one.state.rollout for one in await views.holding(store)]
    assert len(rollouts) == 20
    assert {rollout.blind for rollout in rollouts if rollout} == {"Prometheus does not answer within 1 s"}


async def test_no_prometheus_is_blind(world: World, store: Store) -> None:
    """Where nobody says where Prometheus is, a rollout that needs it is told so."""
    world.settings = replace(world.settings, observe_every_s=1)
    async with world.hosting(store, *CONTROL, "observer"):
        await roll_out(world)
        await world.until("blindness is told", lambda: windows(world))
    (only,) = await windows(world)
    assert "SEGUE_PROMETHEUS is empty" in only.blind


async def test_observer_says_whether_it_is_ready(observing: World, store: Store) -> None:
    """It is ready once it has looked at the services; that Prometheus is away is told service by service."""
    async with observing.hosting(store, "observer") as readiness:
        await observing.until("ready", partial(_is_ready, readiness))


async def test_observing_may_be_turned_off(world: World, store: Store) -> None:
    """With SEGUE_OBSERVE_EVERY_S=0 it is ready at once, measures nothing, and asks no neighbour."""
    world.settings = replace(world.settings, observe_every_s=0, kafka="")
    async with world.hosting(store, "observer") as readiness:
        await world.until("ready", partial(_is_ready, readiness))


async def _is_ready(readiness: Readiness) -> bool:
    return not await readiness.missing()
