"""What machines report: alerts, releases that are ready or failed, routers that switched, timers that came due."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from controller.core.commands import (
    ElapseTimer,
    ReportAlert,
    ReportEndpointEjected,
    ReportEndpointReadmitted,
    ReportReleaseDrained,
    ReportReleaseFailed,
    ReportReleaseReady,
    ReportReleaseUnloaded,
    ReportRouteApplied,
    ReportRouterEnded,
    TimerKind,
)
from controller.core.routing import EndpointFault
from controller.wire.fields import Actor, Count, Ensemble, MaybeRollout, Message, Reason, Router, Seconds, Text, TimeMs


class Reported(Message):
    """What a machine reports. actor: who reports; by default the event's source."""

    actor: Actor = ""


class AlertReceived(Reported):
    """One alert of one Alertmanager notification. received_at_ms: when the webhook came in."""

    fingerprint: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    alertname: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: Annotated[str, StringConstraints(max_length=64)]
    received_at_ms: TimeMs
    release: Text = ""

    def command(self) -> ReportAlert:
        """Return the report; its reason is the alert's own summary, if it has one."""
        summary = self.annotations.get("summary") or self.annotations.get("description")
        return ReportAlert(
            service=self.service,
            actor=self.actor,
            reason=(summary or f"alert {self.alertname} is {self.status}")[:2000],
            fingerprint=self.fingerprint,
            alertname=self.alertname,
            firing=self.status == "firing",
            release=self.release,
            labels=self.labels,
        )


class ReleaseIsReady(Reported):
    """A release is loaded and warm, and a synthetic utterance came out of it. rollout: the one that waits for it."""

    ensemble: Ensemble
    rollout: MaybeRollout = ""
    load_s: Seconds
    probe_latency_s: Seconds
    probe_audio_s: Seconds

    def command(self) -> ReportReleaseReady:
        """Return the report."""
        return ReportReleaseReady(
            service=self.service,
            actor=self.actor,
            reason=f"{self.ensemble} is loaded, warm, and spoke {self.probe_audio_s:.2f} s of audio",
            ensemble=self.ensemble,
            rollout=self.rollout,
            load_s=self.load_s,
            probe_latency_s=self.probe_latency_s,
            probe_audio_s=self.probe_audio_s,
        )


class ReleaseHasFailed(Reported):
    """
    A release could not be loaded (`unknown`: there is none of that name), or it fell silent.

    rollout: the one that needs it, "" when none does.
    """

    ensemble: Ensemble
    rollout: MaybeRollout = ""
    unknown: bool
    reason: Reason

    def command(self) -> ReportReleaseFailed:
        """Return the report."""
        return ReportReleaseFailed(
            service=self.service,
            actor=self.actor,
            reason=self.reason,
            ensemble=self.ensemble,
            unknown=self.unknown,
            rollout=self.rollout,
        )


class ReleaseIsUnloaded(Reported):
    """A release was drained and unloaded."""

    ensemble: Ensemble
    reason: Reason

    def command(self) -> ReportReleaseUnloaded:
        """Return the report."""
        return ReportReleaseUnloaded(service=self.service, actor=self.actor, reason=self.reason, ensemble=self.ensemble)


class RouteIsApplied(Reported):
    """
    A router serves this epoch of the routing table since `applied_at_ms`.

    speaking: the ensembles that it may ask from then on, the table's own and those that older utterances are still
    under way on. Left out, it may ask any, and every release that leaves is waited for by the clock.
    """

    router: Router
    epoch: Count
    applied_at_ms: TimeMs
    speaking: Annotated[list[Ensemble], Field(max_length=1000)] | None = None

    def command(self) -> ReportRouteApplied:
        """Return the report."""
        return ReportRouteApplied(
            service=self.service,
            actor=self.actor,
            reason=f"{self.router} serves epoch {self.epoch}",
            router=self.router,
            epoch=self.epoch,
            applied_at_ms=self.applied_at_ms,
            speaking=None if self.speaking is None else tuple(self.speaking),
        )


class ReleaseIsDrained(Reported):
    """A router will ask an ensemble for nothing more: no utterance on it is under way, and its table names it not."""

    ensemble: Ensemble
    router: Router
    epoch: Count

    def command(self) -> ReportReleaseDrained:
        """Return the report."""
        return ReportReleaseDrained(
            service=self.service,
            actor=self.actor,
            reason=f"nobody hears {self.ensemble} by {self.router} any more",
            ensemble=self.ensemble,
            router=self.router,
            epoch=self.epoch,
        )


class RouterHasEnded(Reported):
    """A router ends in order, with no utterance left; its next run reports its table anew."""

    router: Router

    def command(self) -> ReportRouterEnded:
        """Return the report."""
        return ReportRouterEnded(
            service=self.service, actor=self.actor, reason=f"{self.router} has ended", router=self.router
        )


class EndpointReported(Reported):
    """What a router says of one endpoint and one release. consecutive: failures in a row."""

    ensemble: Ensemble
    endpoint: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    router: Router
    consecutive: Count
    reason: Reason


class EndpointIsEjected(EndpointReported):
    """
    A router leaves an endpoint alone for a release.

    fault: the latest failure. probed: a probe of the router's own has failed, too. all_gone: none of the release's
    endpoints is left to the router. others_speak: another release of the service answered it well last.
    """

    fault: Literal["away", "timed_out", "not_loaded", "failed"]
    probed: bool
    all_gone: bool
    others_speak: bool

    def command(self) -> ReportEndpointEjected:
        """Return the report."""
        return ReportEndpointEjected(
            service=self.service,
            actor=self.actor,
            reason=self.reason,
            ensemble=self.ensemble,
            endpoint=self.endpoint,
            router=self.router,
            consecutive=self.consecutive,
            fault=EndpointFault(self.fault),
            probed=self.probed,
            all_gone=self.all_gone,
            others_speak=self.others_speak,
        )


class EndpointIsReadmitted(EndpointReported):
    """A router asks an endpoint for a release again, after a probe that was answered well."""

    def command(self) -> ReportEndpointReadmitted:
        """Return the report."""
        return ReportEndpointReadmitted(
            service=self.service,
            actor=self.actor,
            reason=self.reason,
            ensemble=self.ensemble,
            endpoint=self.endpoint,
            router=self.router,
            consecutive=self.consecutive,
        )


class TimerElapsed(Reported):
    """A timer came due. epoch: which setting of it."""

    kind: Literal["readiness", "hold", "guard", "deadline", "blind"]
    epoch: Count

    def command(self) -> ElapseTimer:
        """Return the report."""
        return ElapseTimer(
            service=self.service,
            actor=self.actor,
            reason=f"the {self.kind} timer came due",
            kind=TimerKind(self.kind),
            epoch=self.epoch,
        )
