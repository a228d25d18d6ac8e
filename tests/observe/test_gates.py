"""What gates ask outside: real questions to a real Prometheus, a real service and a real store, and every silence."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from consumers.gates import Case, Gates, Means
from consumers.tritons import Tritons
from controller.core.gate import Figure, Outcome
from controller.core.gates import Gate, GateKind
from controller.core.plan import Plan, Step
from controller.core.readings import Reading, Standing
from controller.core.rollout import Phase, Rollout
from controller.handle import handle
from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.outside.opinion import Opinions
from controller.outside.series import Prometheus
from controller.outside.triton import Triton
from controller.parts.ports import LOOPBACK, free_port
from tests.journal.messages import installed, requested, rolling
from tests.observe.conftest import Settled
from tests.observe.exporter import Gauges
from tests.observe.neighbour import neighbour
from tests.spec import release


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    url = f"sqlite:///{tmp_path / 'segue.db'}"
    await asyncio.to_thread(upgrade, url)
    opened = await open_store(url)
    yield opened
    await opened.close()


@pytest.fixture
async def means(store: Store) -> AsyncIterator[Means]:
    """Everybody who can be asked, save Prometheus."""
    async with Triton(f"{LOOPBACK}:{free_port()}") as nobody, Opinions() as opinions:
        yield Means(store, None, Tritons({"triton-a:8000": nobody}), opinions)


def standing(*gates: Gate, step: int = 0, named: tuple[str, ...] = ()) -> Rollout:
    """1.5.0 stands in a step of a plan with these gates; the second step names some of them."""
    plan = Plan("asked", (Step(500, 60), Step(5000, 60, gates=named)), gates=gates)
    return Rollout("hibari-2", release("1.5.0"), release("1.4.0"), plan, Phase.HOLDING, None, step, 500)


def case(rollout: Rollout, end_ms: int = 20_000, serving: tuple[str, ...] = ()) -> Case:
    """What is asked about at the end of a window of ten seconds."""
    return Case("hibari", rollout, end_ms - 10_000, end_ms, frozenset(serving))


async def answers(means: Means, about: Case) -> tuple[Reading, ...]:
    """Ask once and wait for all answers."""
    async with Gates(means) as gates:
        gates.ask(about)
        return await gates.answered(about.rollout, 20)


async def test_prometheus_is_asked_for_one_number(
    means: Means, prometheus: Prometheus, gauges: Gauges, settled: Settled
) -> None:
    """A query that comes to one number has it; whatever else it comes to is no value, with the reason."""
    gauges.values = {'queue{lane="a"}': 7.0, 'queue{lane="b"}': 4.0}
    at_ms = await settled("queue")
    queries = {
        "sum": "sum(queue)",
        "one": 'queue{lane="b"} * 2',
        "scalar": "scalar(sum(queue))",
        "several": "queue",
        "none": "nobody_counts_this",
        "nan": "sum(queue) / 0 - sum(queue) / 0",
        "wrong": "sum(queue",
    }
    gates = [Gate(name, GateKind.PROMETHEUS, query, above=10) for name, query in queries.items()]
    found = await answers(replace(means, prometheus=prometheus), case(standing(*gates), at_ms))
    assert {one.gate: one.value for one in found} == {
        "sum": 11.0,
        "one": 8.0,
        "scalar": 11.0,
        "several": None,
        "none": None,
        "nan": None,
        "wrong": None,
    }
    reasons = {one.gate: one.reason for one in found}
    assert reasons["several"] == "the query comes to 2 series; make it one, with sum() for example"
    assert reasons["none"] == "the query comes to no series"
    assert reasons["nan"] == "the query comes to nan"
    assert reasons["wrong"].startswith("Prometheus refuses the query: invalid parameter")


async def test_service_is_asked_and_answers(means: Means) -> None:
    """A service is told who is to be judged, and its outcome, reason and figures are the reading."""
    heard: list[Any] = []

    def opinion(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        heard.append(json.loads(handler.rfile.read(int(handler.headers["content-length"]))))
        figure = {"name": "MOS", "value": 3.4, "limit": 3.5, "samples": 12, "unit": "points"}
        reply(handler, {"outcome": "fail", "reason": "it sounds flat", "figures": [figure], "more": 1})

    with neighbour(opinion) as url:
        found = await answers(means, case(standing(Gate("ears", GateKind.HTTP, url))))
    assert found == (Reading("ears", None, Outcome.FAIL, "it sounds flat", (Figure("MOS", 3.4, 3.5, 12),)),)
    assert heard == [
        {
            "service": "hibari",
            "rollout": "hibari-2",
            "release": "1.5.0",
            "stable": "1.4.0",
            "step": 0,
            "weight_bp": 500,
            "window": {"start_ms": 10_000, "end_ms": 20_000},
        }
    ]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>", "the service answers what is no opinion: the answer: Invalid JSON"),
        (200, b'{"outcome": "great"}', "the service answers what is no opinion: outcome: Input should be 'pass'"),
        (200, b'{"outcome": "pass", "figures": [{"name": "x"}]}', "the service answers what is no opinion: figures.0"),
        (200, b"{" + b" " * 70_000 + b"}", "the service answers with more than 65536 bytes"),
        (503, b'{"outcome": "pass"}', "the service answers 503"),
        (302, b'{"outcome": "pass"}', "the service answers 302; it should answer 200 with an outcome"),
    ],
)
async def test_answer_that_is_no_opinion_is_none(means: Means, status: int, body: bytes, reason: str) -> None:
    """Garbage, an error or a redirect is no outcome, whatever it may look like."""
    with neighbour(lambda handler, _: reply(handler, body, status)) as url:
        (found,) = await answers(means, case(standing(Gate("ears", GateKind.HTTP, url))))
    assert found.outcome is None
    assert found.reason.startswith(reason)


async def test_address_that_is_none_has_no_opinion(means: Means) -> None:
    """An address that nobody can be asked at is told; it is not quoted, since it may hold a secret."""
    (found,) = await answers(means, case(standing(Gate("lost", GateKind.HTTP, "http://secret.example:port/judge"))))
    assert found.outcome is None
    assert found.reason.startswith("the gate's URL cannot be asked: ")
    assert "secret" not in found.reason


async def test_service_that_is_away_or_slow_has_no_opinion(means: Means) -> None:
    """Who does not answer in the gate's own time has said nothing."""
    away = Gate("away", GateKind.HTTP, f"http://{LOOPBACK}:{free_port()}/judge")
    with neighbour(lambda _, ended: ended.wait()) as url:
        slow = Gate("slow", GateKind.HTTP, url, timeout_s=0.2)
        found = await answers(means, case(standing(away, slow)))
    assert found == (
        Reading("away", reason="the service does not answer (ConnectError)"),
        Reading("slow", reason="the service does not answer within 0.2 s"),
    )


async def test_slow_answer_delays_nobody_and_comes_later(means: Means) -> None:
    """While one gate's answer is outstanding the others are told; it is not asked again, and comes when it is there."""
    let_go, asked = threading.Event(), []

    def slow(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        asked.append(handler.path)
        let_go.wait()
        reply(handler, {"outcome": "pass"})

    with neighbour(slow) as slow_url, neighbour(lambda handler, _: reply(handler, {"outcome": "fail"})) as quick_url:
        rollout = standing(Gate("slow", GateKind.HTTP, slow_url), Gate("quick", GateKind.HTTP, quick_url))
        async with Gates(means) as gates:
            told: list[str] = []
            while "quick" not in told or not asked:
                gates.ask(case(rollout))
                told += [one.gate for one in await gates.answered(rollout, 0.2)]
            let_go.set()
            last = await gates.answered(rollout, 20)
    assert "slow" not in told
    assert (last[0].gate, last[0].outcome) == ("slow", Outcome.PASS)
    assert len(asked) == 1


async def test_answer_about_a_step_that_ended_is_thrown_away(means: Means) -> None:
    """What was asked in one step says nothing in the next: there it is asked anew."""
    asked = threading.Semaphore(0)

    def opinion(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        question = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        asked.release()
        reply(handler, {"outcome": "fail" if question["step"] == 0 else "pass"})

    with neighbour(opinion) as url:
        first = standing(Gate("ears", GateKind.HTTP, url))
        async with Gates(means) as gates:
            gates.ask(case(first))
            await asyncio.to_thread(asked.acquire)
            second = replace(first, step=1, step_began_ms=25_000)
            gates.ask(case(second, 20_000))
            assert await gates.answered(second, 0.1) == ()
            gates.ask(case(second, 30_000))
            (found,) = await gates.answered(second, 20)
    assert found.outcome is Outcome.PASS


async def test_old_answer_is_thrown_away(means: Means) -> None:
    """An answer that no window could take, for nothing was seen, is asked for anew before it is told."""
    asked: list[int] = []
    first = threading.Event()

    def opinion(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        asked.append(len(asked))
        reply(handler, {"outcome": "pass" if len(asked) == 1 else "fail"})
        first.set()

    with neighbour(opinion) as url:
        rollout = standing(Gate("ears", GateKind.HTTP, url, timeout_s=5))
        async with Gates(means) as gates:
            gates.ask(case(rollout, 20_000))
            await asyncio.to_thread(first.wait)
            gates.ask(case(rollout, 30_000))
            gates.ask(case(rollout, 60_000))
            (found,) = await gates.answered(rollout, 20)
    assert found.outcome is Outcome.FAIL
    assert len(asked) == 2


async def test_only_what_the_step_asks_outside_is_asked(means: Means) -> None:
    """Evidence, memory and approval are nobody else's to answer; what another step names waits for that step."""
    away = f"http://{LOOPBACK}:{free_port()}"
    gates = (
        Gate("evidence", GateKind.EVIDENCE),
        Gate("memory", GateKind.MEMORY),
        Gate("lena", GateKind.APPROVAL),
        Gate("always", GateKind.HTTP, away),
        Gate("later", GateKind.HTTP, away),
    )
    named = ("lena", "later")
    assert [one.gate for one in await answers(means, case(standing(*gates, named=named)))] == ["always"]
    second = standing(*gates, named=named, step=1)
    assert [one.gate for one in await answers(means, case(second))] == ["always", "later"]


async def test_without_prometheus_there_is_no_value(means: Means) -> None:
    """A query that nobody can be asked is told as such."""
    (found,) = await answers(means, case(standing(Gate("queue", GateKind.PROMETHEUS, "queue", above=1))))
    assert (found.value, found.reason) == (None, "SEGUE_PROMETHEUS is empty: nobody says whom to ask")


async def test_golden_prompts_are_asked_once_a_step(means: Means) -> None:
    """A probe is repeated only while the journal has no outcome of this step; a Triton that is away gives none."""
    probe = Gate("golden", GateKind.PROBE, prompts=1, timeout_s=0.5)
    rollout = replace(standing(probe), step_began_ms=15_000)
    async with Gates(means) as gates:
        gates.ask(case(rollout))
        (found,) = await gates.answered(rollout, 20)
        assert found.outcome is None
        assert "stable does not speak prompt 1" in found.reason
        gates.ask(case(rollout, 30_000))
        assert await gates.answered(rollout, 0.1) == ()
        gates.ask(case(rollout, 90_000))
        assert len(await gates.answered(rollout, 20)) == 1
    passed = Standing(Reading("golden", outcome=Outcome.PASS), 0, 20_000)
    assert await answers(means, case(replace(rollout, standings=(passed,)), 30_000)) == ()
    of_last_step = replace(passed, at_ms=14_000)
    assert len(await answers(means, case(replace(rollout, standings=(of_last_step,)), 30_000))) == 1


async def test_golden_prompts_need_endpoints_that_are_known(means: Means) -> None:
    """A release on an endpoint that nobody configured is not asked; the reason names it and what to set."""
    rollout = replace(standing(Gate("golden", GateKind.PROBE, prompts=1)), endpoints=("triton-z:8000",))
    (found,) = await answers(means, case(rollout))
    assert found.outcome is None
    assert found.reason == (
        "hibari__1.5.0 is to live on triton-z:8000, which SEGUE_TRITON_HTTP does not name here (it names "
        "triton-a:8000); add it there, and its gRPC address at the same position of SEGUE_TRITON_GRPC"
    )


async def test_fleet_counts_who_comes_first(means: Means, store: Store) -> None:
    """Rollouts of other services count that began earlier or serve users already; later ones and its own do not."""
    for service in ("earlier", "hibari", "later", "serving"):
        await handle(store, installed(service))
    for number, service in enumerate(("earlier", "hibari", "serving")):
        await handle(store, rolling("1.5.0", 10_000 + 5_000 * number, service))
    await handle(store, [requested("1.5.0", 30_000, service="later")])
    fleet = Gate("fleet", GateKind.FLEET, above=1)
    (found,) = await answers(means, case(standing(fleet)))
    assert found == Reading("fleet", value=1.0)
    (found,) = await answers(means, case(standing(fleet), serving=("hibari-2", "serving-2", "earlier-2")))
    assert found == Reading("fleet", value=2.0)


def reply(handler: BaseHTTPRequestHandler, body: object, status: int = 200) -> None:
    """Answer with JSON, or with bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("location", "/elsewhere")
    handler.send_header("content-length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)
