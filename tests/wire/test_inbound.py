"""Every record that can be read becomes one command: what it says."""

from dataclasses import replace

import pytest

from controller.core.commands import (
    ApproveGate,
    ElapseTimer,
    ExtendHold,
    OverrideQuarantine,
    PauseRollout,
    ReportAlert,
    ReportEndpointEjected,
    ReportReleaseDrained,
    ReportReleaseReady,
    ReportRouteApplied,
    RequestRollout,
    RollBack,
    SetPlan,
    TimerKind,
)
from controller.core.plan import AlertAction, Plan, Step
from controller.core.routing import EndpointFault
from controller.wire.inbound import read
from tests.wire.records import ALERT, EXAMPLES, REQUESTED, binary, structured, why
from tests.wire.values import NEW


@pytest.mark.parametrize("type", EXAMPLES)
def test_both_modes_say_the_same(type: str) -> None:
    """Structured and binary CloudEvents mean the same command on every inbound topic."""
    one, other = read(structured(type)), read(binary(type))
    assert one.command == other.command
    assert (one.source, one.id, one.sent_ms) == (other.source, other.id, other.sent_ms) == ("ci", "m-1", 5_000)


def test_request_may_name_its_plan() -> None:
    """What a name means is the service's to say, so it is looked up when the request is decided."""
    command = read(structured(REQUESTED, plan="quick")).command
    assert command == RequestRollout(service="hibari", actor="ci", reason="nightly", release=NEW, plan="quick")


def test_request_may_name_endpoints() -> None:
    """A request says where its release is to live, or leaves that to those who serve it."""
    command = read(structured(REQUESTED, endpoints=["triton-a:8000", "[::1]:8000"])).command
    assert isinstance(command, RequestRollout)
    assert command.endpoints == ("triton-a:8000", "[::1]:8000")
    silent = read(structured(REQUESTED)).command
    assert isinstance(silent, RequestRollout)
    assert silent.endpoints == ()


def test_plan_is_set_by_name() -> None:
    """An order lets a name mean a plan, in the same language as a request's own."""
    plan = {"steps": [{"weight": "5 %", "hold": "1h"}], "gates": []}
    command = read(structured("io.segue.plan.set", name="evening", plan=plan)).command
    assert command == SetPlan(
        service="hibari",
        actor="lena",
        reason="sounds flat",
        name="evening",
        plan=Plan("custom", (Step(500, 3600),)),
    )


def test_request_without_a_plan_gets_the_careful_one() -> None:
    """Who does not choose is walked slowly."""
    command = read(structured(REQUESTED)).command
    assert isinstance(command, RequestRollout)
    assert command.plan == "careful"


def test_request_may_bring_its_own_plan() -> None:
    """Steps, times and what alerts do are the request's own to say."""
    plan = {
        "steps": [{"weight_bp": 500, "hold_s": 3}, {"weight_bp": 5000, "hold_s": 2.5}],
        "guard_s": 60,
        "readiness_deadline_s": 30,
        "alerts": {"rules": [{"label": "severity", "value": "page", "action": "hold"}], "otherwise": "rollback"},
    }
    command = read(structured(REQUESTED, plan=plan)).command
    assert isinstance(command, RequestRollout)
    assert isinstance(command.plan, Plan)
    assert command.plan.steps == (Step(500, 3), Step(5000, 2.5))
    assert (command.plan.name, command.plan.guard_s, command.plan.readiness_deadline_s) == ("custom", 60, 30)
    assert command.plan.alerts.action_for({"severity": "page"}) is AlertAction.HOLD
    assert command.plan.alerts.action_for({}) is AlertAction.ROLLBACK


def test_orders_say_who_and_why() -> None:
    """An order carries its person, reason and, if given, the rollout that is meant."""
    assert read(structured("io.segue.rollout.pause")).command == PauseRollout(
        service="hibari", actor="lena", reason="sounds flat"
    )
    assert read(structured("io.segue.rollout.rollback")).command == RollBack(
        service="hibari", actor="lena", reason="sounds flat", rollout="hibari-2", to="1.4.0"
    )
    assert read(structured("io.segue.rollout.override")).command == OverrideQuarantine(
        service="hibari", actor="lena", reason="sounds flat", digest=NEW.digest
    )
    assert read(structured("io.segue.rollout.approve")).command == ApproveGate(
        service="hibari", actor="lena", reason="sounds flat", gate="ear", role="voice-quality"
    )
    assert read(structured("io.segue.rollout.extend")).command == ExtendHold(
        service="hibari", actor="lena", reason="sounds flat", by_s=3600
    )


def test_alert_tells_its_own_summary_as_reason() -> None:
    """What the rule's author wrote is what the journal says; without that, the alert's name."""
    told = read(structured("io.segue.alert.received", annotations={"summary": "5xx at 20 %"}, release="1.6.0")).command
    assert told == ReportAlert(
        service="hibari",
        actor="ci",
        reason="5xx at 20 %",
        fingerprint="f00d",
        alertname="Errors",
        firing=True,
        release="1.6.0",
        labels={"service": "hibari", "severity": "critical"},
    )
    untold = read(structured("io.segue.alert.received", status="resolved")).command
    assert isinstance(untold, ReportAlert)
    assert (untold.reason, untold.firing) == ("alert Errors is resolved", False)


def test_reports_name_their_source_unless_they_name_an_actor() -> None:
    """A machine's report is always somebody's."""
    assert read(structured("io.segue.timer.elapsed")).command == ElapseTimer(
        service="hibari", actor="ci", reason="the hold timer came due", kind=TimerKind.HOLD, epoch=4
    )
    applied = read(structured("io.segue.route.applied", actor="gateway")).command
    assert isinstance(applied, ReportRouteApplied)
    assert applied.actor == "gateway"
    drained = read(structured("io.segue.release.drained")).command
    assert isinstance(drained, ReportReleaseDrained)
    assert (drained.ensemble, drained.router, drained.epoch) == ("hibari__1_5_0", "gateway@a", 7)
    ejected = read(structured("io.segue.endpoint.ejected")).command
    assert isinstance(ejected, ReportEndpointEjected)
    assert (ejected.fault, ejected.all_gone, ejected.reason) == (EndpointFault.AWAY, True, "it did not answer")
    ready = read(structured("io.segue.release.ready")).command
    assert isinstance(ready, ReportReleaseReady)
    assert ready.probe_audio_s == 2.0


def test_router_that_does_not_say_what_it_speaks_may_speak_anything() -> None:
    """Nothing said and nothing spoken are two things: an older gateway is never taken for a silent one."""
    said = read(structured("io.segue.route.applied", speaking=["hibari__1_5_0"])).command
    silent = read(structured("io.segue.route.applied", speaking=[])).command
    older = read(structured("io.segue.route.applied")).command
    spoken = [one.speaking for one in (said, silent, older) if isinstance(one, ReportRouteApplied)]
    assert spoken == [("hibari__1_5_0",), (), None]


def test_reports_may_grow_and_requests_may_not() -> None:
    """A newer reporter is understood in an upgrade; a misspelt field of a request is not passed over."""
    assert read(structured("io.segue.route.applied", since="x")) == replace(
        read(structured("io.segue.route.applied")), record=structured("io.segue.route.applied", since="x")
    )
    fields = "service, actor, reason, release, plan, endpoints"
    assert (
        why(structured(REQUESTED, paln="quick")) == f"data.paln is not a field of RolloutRequested; allowed: {fields}"
    )


def test_largest_alert_is_read() -> None:
    """An alert with pages of labels is still an alert."""
    labels = {f"label{number}": "x" * 1000 for number in range(200)}
    command = read(structured("io.segue.alert.received", labels=labels)).command
    assert isinstance(command, ReportAlert)
    assert command.labels == labels
    assert command.fingerprint == ALERT["fingerprint"]


@pytest.mark.parametrize("kind", TimerKind)
def test_every_timer_can_come_due(kind: TimerKind) -> None:
    """Whatever a service can wait for, the message that it came due is understood."""
    command = read(structured("io.segue.timer.elapsed", kind=kind.value)).command
    assert isinstance(command, ElapseTimer)
    assert command.kind is kind
