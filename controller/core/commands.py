"""
What a message asks for, once read; imperative, and never more than one service's concern.

Each carries `actor` and `reason`, which become the actor and, where the core has nothing more exact to say, the
reason of the facts it leads to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.core.evidence.window import Window
from controller.core.names import Release
from controller.core.plan import Plan
from controller.core.readings import Footprint, Reading
from controller.core.routing import EndpointFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands say: for which service, by whom, and why."""

    service: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRollout(Command):
    """
    Make `release` the candidate and walk it through `plan`, which is said in full or by name.

    endpoints: where it is to live, as `Arm` has them.
    """

    release: Release
    plan: Plan | str
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlan(Command):
    """Let `name` mean this plan for the service's rollouts from now on."""

    name: str
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Command):
    """A person's word about the running rollout; `rollout` (optional) guards against answering another one."""

    rollout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRollout(Order):
    """Let the walk stand still; rollback stays armed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRollout(Order):
    """Let the walk go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteRollout(Order):
    """Give the candidate all traffic now, whatever steps are left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceRollout(Order):
    """Take the next step of the plan now, whatever the hold or the gates say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendHold(Order):
    """Let the running hold last `by_s` seconds longer."""

    by_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveGate(Order):
    """Let a gate of kind approval pass in the current step. role: in which somebody says so, "" for operator."""

    gate: str
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectGate(Order):
    """Take the candidate back at a gate of kind approval. role: in which somebody says so, "" for operator."""

    gate: str
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack(Order):
    """
    Send all traffic back to stable or, inside the guard window, to the previous stable.

    to: version, ensemble or digest of a release that was stable before, when that one is meant; "" otherwise.
    """

    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideQuarantine(Order):
    """Let the quarantined release with this digest return."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRollback(Order):
    """Say of `rollout`, which was taken back, whether that was a false alarm; a later word replaces an earlier one."""

    false_alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireService(Order):
    """Stop serving: no release carries traffic any more, and none must stay loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAlert(Command):
    """One alert of one Alertmanager notification. release: the label's value, "" when it has none."""

    fingerprint: str
    alertname: str
    firing: bool
    release: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReleaseReady(Command):
    """The release worker loaded, warmed and heard an ensemble for `rollout`; "" when it did not say for which."""

    ensemble: str
    rollout: str = ""
    load_s: float
    probe_latency_s: float
    probe_audio_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReleaseFailed(Command):
    """
    The release worker could not load an ensemble, or it fell silent.

    unknown: there is none of that name, or no such endpoint: what was asked for is wrong, not the release.
    rollout: for which it was wanted, "" when for none, or not said.
    """

    ensemble: str
    unknown: bool
    rollout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReleaseUnloaded(Command):
    """The release worker unloaded an ensemble after it was drained."""

    ensemble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRouteApplied(Command):
    """A router serves `epoch` since `applied_at_ms`, and may ask what is `speaking`; see `RouteApplied`."""

    router: str
    epoch: int
    applied_at_ms: int
    speaking: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReleaseDrained(Command):
    """A router that serves `epoch` will ask an ensemble for nothing more."""

    ensemble: str
    router: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRouterEnded(Command):
    """A router ends; see `RouterEnded`."""

    router: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEndpointEjected(Command):
    """A router leaves an endpoint alone for a release; see `EndpointEjected`."""

    ensemble: str
    endpoint: str
    router: str
    consecutive: int
    fault: EndpointFault
    probed: bool
    all_gone: bool
    others_speak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEndpointReadmitted(Command):
    """A router asks an endpoint for a release again; see `EndpointReadmitted`."""

    ensemble: str
    endpoint: str
    router: str
    consecutive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWindow(Command):
    """The observer measured both arms of a rollout; see `WindowMeasured`."""

    rollout: str
    window: Window
    memory: Footprint | None = None
    readings: tuple[Reading, ...] = ()
    blind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSceneKept(Command):
    """The scene of a rollout that was taken back is kept; see `SceneKept`."""

    rollout: str
    place: str
    manifest_sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSceneDropped(Command):
    """A rollout's scene is kept no longer."""

    rollout: str
    place: str


class TimerKind(StrEnum):
    """What a service can be waiting for."""

    READINESS = "readiness"
    HOLD = "hold"
    GUARD = "guard"
    DEADLINE = "deadline"
    BLIND = "blind"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElapseTimer(Command):
    """A timer came due. epoch: which setting of it; a stale one is ignored."""

    kind: TimerKind
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectMessage(Command):
    """Record that a message could not be read. letter: its id in the dead letters."""

    topic: str
    partition: int
    offset: int
    letter: str


AnyOrder = (
    PauseRollout
    | ResumeRollout
    | PromoteRollout
    | AdvanceRollout
    | ExtendHold
    | ApproveGate
    | RejectGate
    | RollBack
    | OverrideQuarantine
    | MarkRollback
    | RetireService
)
AnyCommand = (
    RequestRollout
    | SetPlan
    | AnyOrder
    | ReportAlert
    | ReportReleaseReady
    | ReportReleaseFailed
    | ReportReleaseUnloaded
    | ReportRouteApplied
    | ReportReleaseDrained
    | ReportRouterEnded
    | ReportEndpointEjected
    | ReportEndpointReadmitted
    | ReportWindow
    | ReportSceneKept
    | ReportSceneDropped
    | ElapseTimer
    | RejectMessage
)
