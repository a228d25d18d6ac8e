"""
The facts a service's history is made of; each is the past tense of something that happened.

Every fact names who (`actor`), why (`reason`) and the rollout it belongs to ("" when none). What caused it (the
message's id), its stream, position and time stand around it in `stream.Fact`.
Times are integer milliseconds since 1970 UTC, as Kafka stamps them.
"""

from dataclasses import dataclass
from enum import StrEnum

from controller.core.evidence.window import Window
from controller.core.gate import Figure, Outcome
from controller.core.names import Release
from controller.core.plan import AlertAction, Plan
from controller.core.readings import Footprint, Reading
from controller.core.routing import Arm, EndpointFault, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all facts say: who, why, and in which rollout."""

    actor: str
    reason: str
    rollout: str = ""


class Trigger(StrEnum):
    """What ended a rollout or reverted a promotion."""

    ALERT = "alert"
    ORDER = "order"
    RELEASE_FAILED = "release_failed"
    RELEASE_UNKNOWN = "release_unknown"
    READINESS_DEADLINE = "readiness_deadline"
    STABLE_REQUESTED = "stable_requested"
    EVIDENCE = "evidence"
    GATE = "gate"
    PROGRESS_DEADLINE = "progress_deadline"
    BLIND = "blind"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStarted(Event):
    """
    A release became the candidate; it is being loaded and must be ready by `ready_by_ms`.

    back: it was stable before, and somebody ordered to go back to it.
    plan_version: of the service's own plan of this name, 0 when it is none; the plan itself stands here in full.
    endpoints: where it lives, as `Arm` has them.
    """

    release: Release
    from_release: Release | None
    plan: Plan
    ready_by_ms: int
    back: bool = False
    plan_version: int = 0
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSet(Event):
    """The service's plan of this name is this from now on; rollouts that run keep theirs."""

    name: str
    version: int
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Event):
    """A rollout request was understood and turned down."""

    release: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused(Event):
    """An order, such as to pause, made no sense now; the reason says why, and what would."""

    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSuperseded(Event):
    """A newer request took the running rollout's place."""

    release: Release
    by: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReady(Event):
    """The candidate is loaded and warm, and a synthetic utterance came out of it."""

    release: Release
    load_s: float
    probe_latency_s: float
    probe_audio_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFailed(Event):
    """A release could not be loaded, or stopped answering its probes."""

    ensemble: str
    unknown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseUnloaded(Event):
    """A release that carries no traffic any more was drained and unloaded."""

    ensemble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """The candidate entered a step (0-based) of its plan at `began_ms`; the hold ends at `due_ms`."""

    step: int
    weight_bp: int
    due_ms: int
    began_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSet(Event):
    """
    Traffic is to be shared like this from now on; weights sum to 10000 basis points.

    segments: shares of their own for some requests. mirror_bp: how many of stable's the candidate speaks unheard.
    """

    epoch: int
    salt: str
    arms: tuple[Arm, ...]
    segments: tuple[Segment, ...] = ()
    mirror_bp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowMeasured(Event):
    """
    Both arms were measured from `window.start_ms` to `window.end_ms`.

    memory: None when unknown. readings: what was asked outside, by gate. blind: why nothing was measured, "" otherwise.
    """

    window: Window
    memory: Footprint | None = None
    readings: tuple[Reading, ...] = ()
    blind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateJudged(Event):
    """
    A gate's answer changed; the reason is its sentence.

    figures: what it rests on. guilty: the measures that are proven worse. dry_run: it decides nothing.
    """

    gate: str
    outcome: Outcome
    figures: tuple[Figure, ...] = ()
    guilty: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutWaiting(Event):
    """A hold ended and the rollout waits, for what the reason says, until `due_ms` (0: for ever)."""

    step: int
    due_ms: int
    closed: bool = False
    """It waits for the hour from which it may widen, and asks again then; otherwise `due_ms` is its deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteApplied(Event):
    """
    A router reported that it serves this epoch since `applied_at_ms`.

    speaking: the ensembles that it may ask from then on, the table's own and those that older utterances are still
    under way on. None: it did not say, so it may ask any.
    """

    router: str
    epoch: int
    applied_at_ms: int
    speaking: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDrained(Event):
    """A router that serves this epoch reported that it will ask an ensemble for nothing more."""

    ensemble: str
    router: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterEnded(Event):
    """A router reported that it ends, with no utterance left: it asks nobody for anything until it reports anew."""

    router: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointEjected(Event):
    """
    A router sends an endpoint no more requests of a release, or found by a probe that this must stay so.

    consecutive: failures in a row. probed: a probe of the router's own is among them. all_gone: none of the release's
    endpoints is left to it. others_speak: another release of the service answered it well last.
    """

    ensemble: str
    endpoint: str
    router: str
    consecutive: int
    fault: EndpointFault
    probed: bool
    all_gone: bool
    others_speak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointReadmitted(Event):
    """An endpoint answered a router's probe of a release well after `consecutive` failures, and gets requests again."""

    ensemble: str
    endpoint: str
    router: str
    consecutive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPaused(Event):
    """The walk stands still; `hold_left_ms` of the running hold remain."""

    hold_left_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutResumed(Event):
    """The walk goes on; the running hold now ends at `due_ms`."""

    due_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldExtended(Event):
    """Somebody wants to watch for longer; the running hold now ends at `due_ms`."""

    due_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateApproved(Event):
    """Somebody let a gate pass in this step. role: in which they said so, "" for operator."""

    gate: str
    step: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRejected(Event):
    """Somebody did not let a gate pass in this step. role: in which they said so, "" for operator."""

    gate: str
    step: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPromoted(Event):
    """The candidate became stable; until `guard_until_ms` the previous stable stays loaded and can take over."""

    release: Release
    previous: Release | None
    guard_until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardWindowEnded(Event):
    """The previous stable is no longer needed and may be unloaded."""

    release: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutAborted(Event):
    """The candidate lost its traffic before promotion; `weight_bp` is what it had."""

    trigger: Trigger
    release: Release
    back_to: Release | None
    weight_bp: int
    guilty: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionReverted(Event):
    """Inside the guard window the former stable took all traffic back."""

    trigger: Trigger
    release: Release
    back_to: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseQuarantined(Event):
    """The digest may not return until somebody overrides this by name and reason."""

    release: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineLifted(Event):
    """A person let a quarantined digest return."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackMarked(Event):
    """Somebody said of a rollout that was taken back whether that was a false alarm; the latest word counts."""

    false_alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRetired(Event):
    """The service serves nothing any more. release: what it served, None when nothing yet."""

    release: Release | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMatched(Event):
    """A firing alert concerns this service's rollout and does `action`."""

    fingerprint: str
    alertname: str
    release: str
    action: AlertAction


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNoted(Event):
    """An alert was recorded and changes no route; the reason says why not."""

    fingerprint: str
    alertname: str
    release: str
    firing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneKept(Event):
    """
    What was left of a rollout that was taken back is kept, for whoever looks into it later.

    place: the folder. manifest_sha256: of its manifest, in hex. size_bytes: of all its files.
    """

    place: str
    manifest_sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneDropped(Event):
    """A rollout's scene is kept no longer; the reason says why."""

    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRejected(Event):
    """A message could not be read; it stands in the dead letters under `letter`."""

    topic: str
    partition: int
    offset: int
    letter: str


AnyEvent = (
    RolloutStarted
    | PlanSet
    | RequestRefused
    | OrderRefused
    | RolloutSuperseded
    | ReleaseReady
    | ReleaseFailed
    | ReleaseUnloaded
    | StepStarted
    | RouteSet
    | WindowMeasured
    | GateJudged
    | RolloutWaiting
    | RouteApplied
    | ReleaseDrained
    | RouterEnded
    | EndpointEjected
    | EndpointReadmitted
    | RolloutPaused
    | RolloutResumed
    | HoldExtended
    | GateApproved
    | GateRejected
    | RolloutPromoted
    | GuardWindowEnded
    | RolloutAborted
    | PromotionReverted
    | ReleaseQuarantined
    | QuarantineLifted
    | RollbackMarked
    | ServiceRetired
    | AlertMatched
    | AlertNoted
    | SceneKept
    | SceneDropped
    | MessageRejected
)
