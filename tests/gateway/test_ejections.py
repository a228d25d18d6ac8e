"""What the journal is told when endpoints come and go: per service, once, and with what only a gateway can see."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from controller.core.commands import ReportEndpointEjected, ReportEndpointReadmitted
from controller.core.names import Release
from controller.core.routing import Arm, EndpointFault, RoutingTable
from controller.gateway.ejections import Ejections
from controller.gateway.engine import ReleaseFault
from controller.gateway.health import EjectRules
from controller.gateway.metrics import Metrics
from controller.gateway.tables import Tables
from controller.gateway.triton import TritonEngine
from controller.parts.triton import Triton
from controller.wire.envelope import encode
from controller.wire.inbound import Received, read
from controller.wire.topics import Topic
from tests.gateway.detour import Detour, detours
from tests.gateway.stage import Tones, table, until

RULES = EjectRules(after=3, first_s=0.05, most_s=0.1)
Report = ReportEndpointEjected | ReportEndpointReadmitted


class Journal:
    """Reads what is told as the journal's consumers would. ids: of the messages, none of which may come twice."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.ids: list[str] = []

    def tell(self, kind: str, id: str, service: str, data: Mapping[str, object], at_ms: int) -> None:
        """Take a message."""
        data = {"actor": "gateway@a", "router": "gateway@a", **data}
        value = encode(kind, "segue/gateway", id, service, data, at_ms)
        command = read(Received(Topic.SIGNALS, 0, 0, service.encode(), value, (), at_ms)).command
        assert isinstance(command, Report)
        self.reports.append(command)
        self.ids.append(id)

    def ejected(self) -> list[tuple[EndpointFault, bool, bool, bool]]:
        """Return of each ejection that was told: fault, probed, all gone, others speak."""
        return [
            (report.fault, report.probed, report.all_gone, report.others_speak)
            for report in self.reports
            if isinstance(report, ReportEndpointEjected)
        ]


@asynccontextmanager
async def watched(ways: list[Detour], *tables: RoutingTable) -> AsyncIterator[tuple[TritonEngine, Journal, Tables]]:
    engine = TritonEngine(",".join(way.address for way in ways), RULES)
    metrics, journal = Metrics(), Journal()
    known = Tables(metrics, tables)
    engine.watch(Ejections(engine, known, metrics, journal))
    yield engine, journal, known
    engine.close()


async def ask(engine: TritonEngine, arm: Arm, times: int = 1, timeout_s: float = 5) -> int:
    """Return how many of these requests failed."""
    failed = 0
    for _ in range(times):
        try:
            await engine.infer(arm, "Hi.", 1.0, timeout_s)
        except ReleaseFault:
            failed += 1
    return failed


def walking(tones: Tones, candidate: Release, *endpoints: str) -> RoutingTable:
    """A table whose candidate lives at these endpoints."""
    shared = table(1, stable=tones["good"], candidate=candidate, weight_bp=500)
    stable_arm, candidate_arm = shared.arms
    return replace(shared, arms=(stable_arm, replace(candidate_arm, endpoints=endpoints)))


async def test_candidate_gone_is_told_and_confirmed_by_a_probe(triton: Triton, tones: Tones) -> None:
    """At once, again when a probe failed, too, and when it is over; each in a message of its own."""
    async with detours(triton.http, 2) as (shared, own):
        served = walking(tones, tones["other"], own.address)
        async with watched([shared], served) as (engine, journal, _):
            stable_arm, candidate_arm = served.arms
            await ask(engine, stable_arm)
            await own.cut()
            assert await ask(engine, candidate_arm, 3) == 3
            assert journal.ejected() == [(EndpointFault.AWAY, False, True, True)]
            first = journal.reports[0]
            assert (first.service, first.ensemble, first.endpoint) == ("tone", tones["other"].ensemble, own.address)
            assert (first.router, first.actor, first.consecutive) == ("gateway@a", "gateway@a", 3)
            assert first.reason == f"Triton at {own.address} does not answer; see that it runs, 3 times in a row"
            await until(lambda: len(journal.reports) > 1)
            assert journal.ejected()[1:] == [(EndpointFault.AWAY, True, True, True)]
            await own.restore()
            await until(lambda: isinstance(journal.reports[-1], ReportEndpointReadmitted))
            assert len(journal.reports) == len(set(journal.ids)) == 3


async def test_probes_that_fail_alike_are_told_once(triton: Triton, tones: Tones) -> None:
    """However long a release stays dead, the journal does not fill with it."""
    async with detours(triton.http, 1) as (shared,):
        served = walking(tones, tones["failing"])
        async with watched([shared], served) as (engine, journal, _):
            assert await ask(engine, served.arms[1], 3) == 3
            await until(lambda: shared.asked[tones["failing"].ensemble] >= 7)
            assert journal.ejected() == [
                (EndpointFault.FAILED, False, True, False),
                (EndpointFault.FAILED, True, True, False),
            ]


async def test_one_endpoint_of_two_is_not_all(triton: Triton, tones: Tones) -> None:
    """While another endpoint of the release is left, the report says so."""
    async with detours(triton.http, 2) as (dead, alive):
        served = walking(tones, tones["other"], dead.address, alive.address)
        async with watched([alive], served) as (engine, journal, _):
            await dead.cut()
            assert await ask(engine, served.arms[1], 8) == 0
            assert journal.ejected()[0] == (EndpointFault.AWAY, False, False, False)
            await dead.restore()


async def test_triton_gone_for_everybody_is_no_fault_of_the_candidate(triton: Triton, tones: Tones) -> None:
    """When stable fails as well the report says that nobody speaks, before and after a probe."""
    async with detours(triton.http, 1) as (shared,):
        served = walking(tones, tones["other"])
        async with watched([shared], served) as (engine, journal, _):
            stable_arm, candidate_arm = served.arms
            await ask(engine, stable_arm)
            await shared.cut()
            for _ in range(3):
                assert await ask(engine, candidate_arm) + await ask(engine, stable_arm) == 2
            await until(lambda: (EndpointFault.AWAY, True, True, False) in journal.ejected())
            assert not any(others_speak for _, _, _, others_speak in journal.ejected())
            await shared.restore()


@pytest.mark.parametrize(("name", "fault"), [("failing", EndpointFault.FAILED), ("slow", EndpointFault.TIMED_OUT)])
async def test_fault_is_named(triton: Triton, tones: Tones, name: str, fault: EndpointFault) -> None:
    """Errors and time-outs are told apart."""
    async with detours(triton.http, 1) as (shared,):
        served = walking(tones, tones[name])
        async with watched([shared], served) as (engine, journal, _):
            assert await ask(engine, served.arms[1], 3, timeout_s=0.1) == 3
            assert journal.ejected()[0][0] is fault


async def test_every_service_with_the_release_is_told(triton: Triton, tones: Tones) -> None:
    """A release that serves two services is left alone for both, and a third one hears nothing of it."""
    async with detours(triton.http, 1) as (shared,):
        served = walking(tones, tones["failing"])
        others = replace(served, service="tone-2"), replace(table(1, stable=tones["good"]), service="tone-3")
        async with watched([shared], served, *others) as (engine, journal, _):
            assert await ask(engine, served.arms[1], 3) == 3
            assert {report.service for report in journal.reports} == {"tone", "tone-2"}


async def test_endpoint_of_a_release_that_left_is_forgotten(triton: Triton, tones: Tones) -> None:
    """Once no table has the release, its endpoint is neither probed nor told of any more."""
    async with detours(triton.http, 1) as (shared,):
        served = walking(tones, tones["failing"])
        async with watched([shared], served) as (engine, journal, tables):
            assert await ask(engine, served.arms[1], 3) == 3
            tables.offer(table(2, stable=tones["good"]))
            await until(lambda: not engine.gone(served.arms[1]))
            asked, told = dict(shared.asked), len(journal.reports)
            assert await ask(engine, served.arms[0]) == 0
            assert shared.asked.get(tones["failing"].ensemble) == asked[tones["failing"].ensemble]
            assert len(journal.reports) == told
