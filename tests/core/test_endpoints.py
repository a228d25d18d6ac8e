"""Endpoints that routers leave alone: what is recorded, and when a release is taken back for it."""

from dataclasses import replace

import pytest

from controller.core.commands import ReportEndpointEjected, ReportEndpointReadmitted
from controller.core.events import (
    AnyEvent,
    EndpointEjected,
    EndpointReadmitted,
    PromotionReverted,
    ReleaseQuarantined,
    ReleaseReady,
    RolloutAborted,
    RolloutPromoted,
    RolloutStarted,
    RouteSet,
    StepStarted,
    Trigger,
)
from controller.core.routing import EndpointFault
from tests.spec import PLAN, SAID, SERVICE, candidate, given, installed, previous, release, route, stable

OLD, NEW = release("1.4.0"), release("1.5.0")
WALKING: tuple[AnyEvent, ...] = (
    RolloutStarted(**SAID, rollout="hibari-2", release=NEW, from_release=OLD, plan=PLAN, ready_by_ms=60_000),
    ReleaseReady(**SAID, rollout="hibari-2", release=NEW, load_s=1.0, probe_latency_s=0.1, probe_audio_s=1.0),
    StepStarted(**SAID, rollout="hibari-2", step=0, weight_bp=500, due_ms=10_000),
    route(2, stable(OLD, 9_500), candidate(NEW, 500), salt="hibari-2"),
)
PROMOTED: tuple[AnyEvent, ...] = (
    RolloutPromoted(**SAID, rollout="hibari-2", release=NEW, previous=OLD, guard_until_ms=300_000),
    route(3, stable(NEW), previous(OLD), salt="hibari-2"),
)


def gone(version: str = "1.5.0") -> ReportEndpointEjected:
    """The last endpoint of a release does not answer its router's probe, while others do."""
    return ReportEndpointEjected(
        service=SERVICE,
        actor="gateway@a",
        reason="it did not answer 6 times in a row",
        ensemble=f"hibari__{version}",
        endpoint="triton:8000",
        router="gateway@a",
        consecutive=6,
        fault=EndpointFault.AWAY,
        probed=True,
        all_gone=True,
        others_speak=True,
    )


def fact(report: ReportEndpointEjected) -> EndpointEjected:
    """What is recorded of it."""
    return EndpointEjected(
        **SAID,
        ensemble=report.ensemble,
        endpoint=report.endpoint,
        router=report.router,
        consecutive=report.consecutive,
        fault=report.fault,
        probed=report.probed,
        all_gone=report.all_gone,
        others_speak=report.others_speak,
    )


def test_candidate_of_which_no_endpoint_is_left_is_taken_back() -> None:
    """Gone for good, confirmed by a probe, while stable speaks: the rollout ends and the digest is quarantined."""
    when = given(installed(), WALKING).when(gone())
    when.then(
        fact(gone()),
        RolloutAborted(**SAID, trigger=Trigger.RELEASE_FAILED, release=NEW, back_to=OLD, weight_bp=500),
        route(3, stable(OLD), salt="hibari-2"),
        ReleaseQuarantined(**SAID, release=NEW),
    )
    assert {event.rollout for event in when.events} == {"hibari-2"}
    assert when.events[1].reason == (
        "no endpoint of hibari__1.5.0 is left to gateway@a: it did not answer 6 times in a row"
    )


def test_promoted_release_of_which_no_endpoint_is_left_is_reverted() -> None:
    """Inside the guard window the former stable takes all traffic back."""
    when = given(installed(), WALKING, PROMOTED).when(gone())
    when.then(
        fact(gone()),
        PromotionReverted(**SAID, trigger=Trigger.RELEASE_FAILED, release=NEW, back_to=OLD),
        route(4, stable(OLD), salt="hibari-2"),
        ReleaseQuarantined(**SAID, release=NEW),
    )
    assert {event.rollout for event in when.events} == {"hibari-2"}


def living_on(*endpoints: str) -> tuple[AnyEvent, ...]:
    """1.5.0 walks, on endpoints that its request named; stable is on those that gateways were given."""
    started, *rest = WALKING
    assert isinstance(started, RolloutStarted)
    return (replace(started, endpoints=endpoints), *rest)


def test_release_on_a_triton_of_its_own_is_not_condemned_for_it() -> None:
    """When its machine does not answer it is taken back; it may return, for nobody knows whose fault that was."""
    for fault in (EndpointFault.AWAY, EndpointFault.TIMED_OUT):
        when = given(installed(), living_on("triton:8000")).when(replace(gone(), fault=fault))
        assert [type(event) for event in when.events] == [EndpointEjected, RolloutAborted, RouteSet]
        when = given(installed(), living_on("triton:8000"), PROMOTED).when(replace(gone(), fault=fault))
        assert [type(event) for event in when.events] == [EndpointEjected, PromotionReverted, RouteSet]


def test_late_word_of_where_it_lived_before_is_only_recorded() -> None:
    """A release that was moved is not taken back for the endpoint that it left."""
    given(installed(), living_on("elsewhere:8000")).when(gone()).then(fact(gone()))


def test_release_that_breaks_its_own_triton_s_answers_is_condemned() -> None:
    """A Triton that answers, and answers every request of it with an error, leaves no doubt."""
    fails = replace(gone(), fault=EndpointFault.FAILED)
    when = given(installed(), living_on("triton:8000")).when(fails)
    assert isinstance(when.events[-1], ReleaseQuarantined)


@pytest.mark.parametrize(
    "change",
    [
        {"all_gone": False},
        {"probed": False},
        {"others_speak": False},
        {"fault": EndpointFault.NOT_LOADED},
    ],
    ids="".join,
)
def test_what_may_not_be_its_own_fault_is_only_recorded(change: dict[str, object]) -> None:
    """One endpoint of several, a failure no probe confirmed, a Triton gone for all, a release being loaded: a fact."""
    report = replace(gone(), **change)  # type: ignore[arg-type]  # the table above names fields of these types
    given(installed(), WALKING).when(report).then(fact(report))
    given(installed(), WALKING, PROMOTED).when(report).then(fact(report))


def test_stable_without_a_former_one_stays() -> None:
    """There is nothing to go back to, so it is recorded, and people are told."""
    when = given(installed()).when(gone("1.4.0"))
    when.then(fact(gone("1.4.0")))
    assert when.events[0].rollout == ""


def test_second_router_finds_it_done() -> None:
    """Two gateways lose the same candidate: the first one's word takes it back, the second one's is recorded."""
    taken_back = given(installed(), WALKING).when(gone())
    given(installed(), WALKING, taken_back.events).when(replace(gone(), router="gateway@b")).then(
        fact(replace(gone(), router="gateway@b"))
    )


def test_readmission_is_recorded() -> None:
    """Who speaks again is in the history, in the rollout that it concerns, and moves nothing."""
    report = ReportEndpointReadmitted(
        service=SERVICE,
        actor="gateway@a",
        reason="it answered a probe",
        ensemble="hibari__1.5.0",
        endpoint="triton:8000",
        router="gateway@a",
        consecutive=6,
    )
    when = given(installed(), WALKING).when(report)
    when.then(
        EndpointReadmitted(**SAID, ensemble="hibari__1.5.0", endpoint="triton:8000", router="gateway@a", consecutive=6)
    )
    assert when.events[0].rollout == "hibari-2"
