"""Values of any shape for laws (`anything`), and one plain sample of each kind of fact for the golden files."""

from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from controller.core.calendar import Hours
from controller.core.commands import TimerKind
from controller.core.draft import Said
from controller.core.events import (
    AlertMatched,
    AlertNoted,
    AnyEvent,
    EndpointEjected,
    EndpointReadmitted,
    GateApproved,
    GateJudged,
    GateRejected,
    GuardWindowEnded,
    HoldExtended,
    MessageRejected,
    OrderRefused,
    PlanSet,
    PromotionReverted,
    QuarantineLifted,
    ReleaseDrained,
    ReleaseFailed,
    ReleaseQuarantined,
    ReleaseReady,
    ReleaseUnloaded,
    RequestRefused,
    RollbackMarked,
    RolloutAborted,
    RolloutPaused,
    RolloutPromoted,
    RolloutResumed,
    RolloutStarted,
    RolloutSuperseded,
    RolloutWaiting,
    RouteApplied,
    RouterEnded,
    RouteSet,
    SceneDropped,
    SceneKept,
    ServiceRetired,
    StepStarted,
    Trigger,
    WindowMeasured,
)
from controller.core.gate import Figure, Outcome
from controller.core.gates import Gate, GateKind
from controller.core.names import FULL_BP, Release
from controller.core.plan import MEASURED, WATCHED, AlertAction, AlertPolicy, AlertRule, Plan, Step
from controller.core.readings import Footprint, MemorySource, Reading
from controller.core.rollout import Phase, Rollout, Timer
from controller.core.routing import Arm, EndpointFault, Role, RoutingTable, Segment
from controller.core.sequential import ArmCounts, Window, begin
from controller.core.state import Guard, State
from controller.core.stream import Fact
from controller.wire.codec import GENESIS_HASH, fact_hash, fact_message

GOLDEN = Path(__file__).parent / "golden"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
_NUMBERS = st.integers(0, 2**53 - 1)
_STEPS = st.lists(st.tuples(st.integers(0, FULL_BP), st.floats(0, 1e6)), max_size=4).map(
    lambda pairs: tuple(Step(*pair) for pair in sorted(pairs))
)


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Return any values of a type that facts, states and tables are made of."""
    if hint in _SPECIAL:
        return _SPECIAL[hint]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    if get_origin(hint) is tuple:
        items = get_args(hint)
        if items[1:] == (...,):
            return st.lists(anything(items[0]), max_size=3).map(tuple)
        return st.tuples(*(anything(item) for item in items))
    if NoneType in get_args(hint):
        return st.none() | anything(next(item for item in get_args(hint) if item is not NoneType))
    assert isinstance(hint, type), hint
    assert is_dataclass(hint), hint
    hints = get_type_hints(hint)
    parts = {field.name: anything(hints[field.name]) for field in fields(hint)}
    return st.deferred(lambda: st.builds(hint, **parts))


def _table(
    service: str, epoch: int, releases: list[Release], candidate_bp: int, segments: tuple[Segment, ...], mirror_bp: int
) -> RoutingTable:
    roles = zip((Role.STABLE, Role.CANDIDATE, Role.PREVIOUS), releases, strict=False)
    weights = {
        Role.STABLE: FULL_BP - candidate_bp if len(releases) > 1 else FULL_BP,
        Role.CANDIDATE: candidate_bp,
        Role.PREVIOUS: 0,
    }
    arms = tuple(Arm(role, release, weights[role]) for role, release in roles)
    return RoutingTable(service, epoch, service, arms, segments, mirror_bp=mirror_bp)


_SPECIAL: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: _NUMBERS,
    float: st.one_of(st.floats(0, 1e15), st.integers(0, 1000)),
    bool: st.booleans(),
}
_SPECIAL[Plan] = st.builds(
    Plan,
    TEXT,
    _STEPS,
    st.integers(1, 86_400),
    st.floats(0, 1e6),
    anything(AlertPolicy),
    st.sampled_from([(), WATCHED, (Gate("queue", GateKind.PROMETHEUS, "up", above=3, persist=2, dry_run=True),)]),
    hours=st.sampled_from([(), (Hours(("mon", "fri"), 540, 1020, "Europe/Berlin"),)]),
)
_SPECIAL[Rollout] = st.builds(
    Rollout,
    *(anything(hint) for hint in (str, Release, Release | None, Plan, Phase, Timer | None)),
    **{
        name: anything(hint)
        for name, hint in get_type_hints(Rollout).items()
        if name
        in (
            "waiting",
            "seen_ms",
            "blind",
            "memory",
            "memory_source",
            "standings",
            "judged",
            "approvals",
            "back",
            "endpoints",
            "heard",
        )
    },
    evidence=st.sampled_from([None, begin(MEASURED)]),
)
_SPECIAL[Window] = st.just(
    Window(0, 10_000, ArmCounts(12, 1, 2, 1, latency=((3, 5), (9, 6))), ArmCounts(200, 1, 40, 1), mos=(-0.25,))
)
_SHARES = st.integers(0, FULL_BP)
_WHERE = st.dictionaries(st.sampled_from(("region", "tier", "language", "header:x-plan")), TEXT, min_size=1)
_SPECIAL[Segment] = st.builds(
    Segment,
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    _WHERE.map(lambda pairs: tuple(pairs.items())),
    _SHARES,
)
_SPECIAL[Arm] = st.builds(
    Arm,
    st.sampled_from(Role),
    anything(Release),
    _NUMBERS,
    st.lists(st.from_regex(r"[a-z]{1,8}:[0-9]{1,5}", fullmatch=True), max_size=3, unique=True).map(tuple),
)
_SPECIAL[RoutingTable] = st.builds(
    _table,
    TEXT,
    _NUMBERS,
    st.lists(anything(Release), max_size=3),
    _SHARES,
    st.lists(anything(Segment), max_size=3, unique_by=lambda segment: segment.name).map(tuple),
    _SHARES,
)

_SAID: Said = {"actor": "ci@example", "reason": "nightly build, 晩", "rollout": "hibari-2"}
OLD = Release("hibari", "1.5.0", "hibari__1_5_0", f"sha256:{'5' * 64}", 44_100, 80.0, "2026-03-01T08:00:00Z")
NEW = Release("hibari", "1.6.0", "hibari__1_6_0", f"sha256:{'6' * 64}", 44_100, 80, "2026-03-03T08:00:00Z")
PLAN = Plan(
    "walk",
    (Step(0, 600), Step(500, 86_400.5)),
    guard_s=3600,
    alerts=AlertPolicy((AlertRule("severity", "page", AlertAction.ROLLBACK),), AlertAction.HOLD),
)

SAMPLES: tuple[AnyEvent, ...] = (
    RolloutStarted(
        **_SAID,
        release=NEW,
        from_release=OLD,
        plan=PLAN,
        ready_by_ms=1_772_530_800_000,
        endpoints=("triton-a:8000", "10.0.0.7:8000"),
    ),
    PlanSet(**_SAID, name="walk", version=2, plan=PLAN),
    RequestRefused(**_SAID, release=NEW),
    OrderRefused(**_SAID, order="PauseRollout"),
    RolloutSuperseded(**_SAID, release=OLD, by=NEW),
    ReleaseReady(**_SAID, release=NEW, load_s=1.25, probe_latency_s=0.031, probe_audio_s=2),
    ReleaseFailed(**_SAID, ensemble="hibari__1_6_0", unknown=True),
    ReleaseUnloaded(**_SAID, ensemble="hibari__1_5_0"),
    StepStarted(**_SAID, step=0, weight_bp=500, due_ms=1_772_530_800_000),
    RouteSet(**_SAID, epoch=7, salt="hibari-2", arms=(Arm(Role.STABLE, OLD, 9500), Arm(Role.CANDIDATE, NEW, 500))),
    RouteApplied(
        **_SAID,
        router="gateway@a",
        epoch=7,
        applied_at_ms=1_772_530_800_001,
        speaking=("hibari__1_5_0", "hibari__1_6_0"),
    ),
    WindowMeasured(
        **_SAID,
        window=Window(
            1_772_530_800_000,
            1_772_530_810_000,
            ArmCounts(25, 1, 5, 1, ((-4, 20), (3, 4)), ((-30, 24),), ((-60, 24),)),
            ArmCounts(475, 1, 95, 1, ((-4, 470), (2, 4)), ((-31, 474),), ((-61, 474),)),
            mos=(-0.125,),
        ),
        memory=Footprint(600_000_000, 500_000_000, MemorySource.PROCESS),
        readings=(Reading("queue", value=2.5), Reading("lab", outcome=Outcome.PASS, reason="it sounds well")),
    ),
    GateJudged(
        **_SAID,
        gate="evidence",
        outcome=Outcome.FAIL,
        figures=(Figure("errors", 1234.5, 1000, 25),),
        guilty=("errors",),
    ),
    RolloutWaiting(**_SAID, step=1, due_ms=1_772_530_900_000),
    RolloutPaused(**_SAID, hold_left_ms=1500),
    RolloutResumed(**_SAID, due_ms=1_772_530_800_000),
    HoldExtended(**_SAID, due_ms=1_772_530_800_000),
    GateApproved(**_SAID, gate="ear", step=1, role="voice-quality"),
    GateRejected(**_SAID, gate="ear", step=1, role=""),
    RolloutPromoted(**_SAID, release=NEW, previous=None, guard_until_ms=1_772_530_800_000),
    GuardWindowEnded(**_SAID, release=OLD),
    RolloutAborted(**_SAID, trigger=Trigger.ALERT, release=NEW, back_to=OLD, weight_bp=500),
    PromotionReverted(**_SAID, trigger=Trigger.ORDER, release=NEW, back_to=OLD),
    ReleaseQuarantined(**_SAID, release=NEW),
    QuarantineLifted(**_SAID, digest=NEW.digest),
    ServiceRetired(**_SAID, release=NEW),
    AlertMatched(**_SAID, fingerprint="f00d", alertname="Errors", release="1.6.0", action=AlertAction.ROLLBACK),
    AlertNoted(**_SAID, fingerprint="f00d", alertname="Errors", release="", firing=False),
    MessageRejected(
        **_SAID, topic="alerts.received", partition=3, offset=2**40, letter="alerts.received/3/1099511627776"
    ),
    EndpointEjected(
        **_SAID,
        ensemble="hibari__1_6_0",
        endpoint="10.0.0.7:8000",
        router="gateway@a",
        consecutive=5,
        fault=EndpointFault.TIMED_OUT,
        probed=False,
        all_gone=True,
        others_speak=True,
    ),
    EndpointReadmitted(**_SAID, ensemble="hibari__1_6_0", endpoint="10.0.0.7:8000", router="gateway@a", consecutive=6),
    ReleaseDrained(**_SAID, ensemble="hibari__1_5_0", router="gateway@a", epoch=7),
    RouterEnded(**_SAID, router="gateway@a"),
    SceneKept(**_SAID, place="/var/lib/segue/scenes/hibari-2", manifest_sha256="ab" * 32, size_bytes=52_340),
    SceneDropped(**_SAID, place="/var/lib/segue/scenes/hibari-2"),
    RollbackMarked(**_SAID, false_alarm=True),
)

STATE = State(
    "hibari",
    stable=OLD,
    guard=Guard("hibari-1", NEW, Timer(TimerKind.GUARD, 3, 1_772_530_800_000), AlertPolicy()),
    rollout=Rollout(
        "hibari-2", NEW, OLD, PLAN, Phase.HOLDING, Timer(TimerKind.HOLD, 4, 1_772_530_900_000), 0, 500, None, True
    ),
    quarantined=(NEW,),
    epoch=7,
    salt="hibari-2",
    arms=(Arm(Role.STABLE, OLD, 9500), Arm(Role.CANDIDATE, NEW, 500)),
    rollouts=2,
    settings=4,
)


def golden() -> dict[str, bytes]:
    """Return file name -> what Segue writes today: a message per kind of fact, chained as one stream, and a state."""
    files = {}
    before = GENESIS_HASH
    for position, event in enumerate(SAMPLES, start=1):
        fact = Fact("hibari", position, 1_772_530_000_000 + position, f"message-{position}", event)
        after = fact_hash(before, fact)
        files[f"{type(event).__name__}.json"] = fact_message(fact, after, before)
        before = after
    return files


if __name__ == "__main__":
    for name, text in golden().items():
        (GOLDEN / name).write_bytes(text)
