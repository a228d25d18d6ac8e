"""
Messages that are aimed: windows, due timers and orders, each made for the state that it meets.

Messages that are drawn without looking mostly miss: they name a rollout that does not run, or a timer long gone.
"""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st

from controller.core.calendar import Hours
from controller.core.commands import (
    AdvanceRollout,
    AnyCommand,
    ApproveGate,
    ElapseTimer,
    ExtendHold,
    OverrideQuarantine,
    PauseRollout,
    PromoteRollout,
    RejectGate,
    ReportReleaseFailed,
    ReportWindow,
    ResumeRollout,
    RetireService,
    RollBack,
    SetPlan,
    TimerKind,
)
from controller.core.decide import decide
from controller.core.events import AnyEvent
from controller.core.gate import Outcome
from controller.core.gates import Gate, GateKind, NoData
from controller.core.plan import OnBlind, OnInconclusive, Plan, Step, Until
from controller.core.readings import Footprint, MemorySource, Reading
from controller.core.rollout import Timer
from controller.core.routing import Segment
from controller.core.sequential import ArmCounts, Window
from controller.core.state import State, evolve, timers
from tests.spec import SAID, SERVICE, alert, installed, ready, release, request

EVIDENCE, MEMORY = Gate("evidence", GateKind.EVIDENCE), Gate("memory", GateKind.MEMORY)
QUEUE = Gate("queue", GateKind.PROMETHEUS, "queue_length", above=10, persist=2)
LAB = Gate("lab", GateKind.HTTP, "http://lab/check", no_data=NoData.ROLLBACK)
EAR = Gate("ear", GateKind.APPROVAL)
VIP = Segment("vip", (("tier", "vip"),), 0)
PLANS = (
    Plan("watched", (Step(500, 60), Step(5000, 600, warm_up_s=60)), guard_s=3600, gates=(EVIDENCE, MEMORY, QUEUE)),
    Plan("asked", (Step(0, 10, gates=("ear",)), Step(500, 10, gates=("ear", "lab"))), gates=(LAB, EAR), guard_s=300),
    Plan(
        "paced",
        (Step(0, 60, Until.EVIDENCE, mirror_bp=1000), Step(500, 60, Until.EVIDENCE, ceiling_s=600, segments=(VIP,))),
        gates=(EVIDENCE, replace(QUEUE, dry_run=True)),
        on_blind=OnBlind.ROLLBACK,
        progress_deadline_s=0,
        quarantine=False,
    ),
    Plan(
        "office",
        (Step(500, 60, gates=("ear",)), Step(5000, 60)),
        hours=(Hours(("thu",), 540, 1020),),
        gates=(EAR, QUEUE),
    ),
    Plan("hasty", (Step(500, 10), Step(5000, 10)), on_inconclusive=OnInconclusive.ROLLBACK, gates=(EVIDENCE,)),
    Plan("blunt", (), guard_s=60),
)
VERSIONS = ("1.4.0", "1.5.0", "1.6.0", "1.7.0")

Aim = Callable[[State, int], AnyCommand]
"""Makes a message for the state that it meets, at a time in milliseconds since 1970."""


def window(requests: int, failures: int, value: float | None, used: int, *, blind: str = "", late_ms: int = 0) -> Aim:
    """Ten seconds that ended just now, or earlier by late_ms."""

    def made(state: State, now_ms: int) -> ReportWindow:
        times = ((-33, requests - failures),) if requests > failures else ()
        ours = ArmCounts(requests, failures, requests // 5, min(failures, requests // 5), times, times, times)
        theirs = ArmCounts(500, 0, 100, 0, ((-33, 500),), ((-33, 500),), ((-33, 500),))
        lab = None if value is None else Outcome.FAIL if value > 10 else Outcome.PASS
        return ReportWindow(
            service=SERVICE,
            **SAID,
            rollout=state.rollout.id if state.rollout else "none",
            window=Window(now_ms - late_ms - 10_000, now_ms - late_ms, ours, theirs),
            memory=Footprint(used, 100, MemorySource.GPU) if used else None,
            readings=(Reading("queue", value), Reading("lab", outcome=lab)),
            blind=blind,
        )

    return made


def _due(number: int) -> Aim:
    def made(state: State, now_ms: int) -> ElapseTimer:
        waiting = timers(state)
        timer = waiting[number % len(waiting)] if waiting else Timer(TimerKind.HOLD, 0, 0)
        return ElapseTimer(service=SERVICE, **SAID, kind=timer.kind, epoch=timer.epoch)

    return made


def _of(state: State) -> str:
    return state.rollout.release.version if state.rollout else "1.5.0"


def _asks(version: str, plan: Plan) -> Aim:
    return lambda state, now_ms: request(version, plan)


def _says(command: AnyCommand) -> Aim:
    return lambda state, now_ms: command


def _back(version: str) -> Aim:
    return _says(RollBack(service=SERVICE, **SAID, to=version))


def _lifted(version: str) -> Aim:
    return _says(OverrideQuarantine(service=SERVICE, **SAID, digest=release(version).digest))


REQUESTS = tuple(_asks(version, plan) for plan in PLANS for version in ("1.5.0", "1.6.0", "1.7.0", "1.4.0"))
OFTEN: tuple[Aim, ...] = (
    *(_due(number) for number in range(3)),
    lambda state, now_ms: ready(_of(state)),
    *[window(500, 0, 5.0, 100)] * 5,
    window(500, 200, 5.0, 100),
    _says(ApproveGate(service=SERVICE, **SAID, gate="ear")),
    _says(ResumeRollout(service=SERVICE, **SAID)),
)
SELDOM: tuple[Aim, ...] = (
    *REQUESTS[:4],
    *map(_back, VERSIONS),
    *map(_lifted, VERSIONS),
    window(500, 1, 5.0, 100),
    window(0, 0, None, 0),
    window(500, 0, 20.0, 0),
    window(500, 0, 5.0, 500),
    window(0, 0, None, 0, blind="Prometheus is away"),
    window(500, 0, 5.0, 100, late_ms=60_000),
    window(500, 0, 5.0, 100, late_ms=-3_600_000),
    _says(RejectGate(service=SERVICE, **SAID, gate="ear")),
    _says(ExtendHold(service=SERVICE, **SAID, by_s=30)),
    *[_says(PauseRollout(service=SERVICE, **SAID))] * 6,
    _says(AdvanceRollout(service=SERVICE, **SAID)),
    _says(PromoteRollout(service=SERVICE, **SAID)),
    _says(RollBack(service=SERVICE, **SAID)),
    _says(RetireService(service=SERVICE, **SAID)),
    _says(SetPlan(service=SERVICE, **SAID, name="evening", plan=PLANS[0])),
    lambda state, now_ms: alert(_of(state)),
    lambda state, now_ms: alert(state.stable.version if state.stable else ""),
    lambda state, now_ms: alert(_of(state), action="hold"),
    _says(alert()),
    lambda state, now_ms: ReportReleaseFailed(service=SERVICE, **SAID, ensemble=f"hibari__{_of(state)}", unknown=False),
)
PACES_MS = (10_000, 1_000, 10_000, 20_000, 60_000, 400_000, 90_000_000)
MOVES = st.builds(
    lambda first, rest: [(first, 1_000), *rest],
    st.sampled_from(REQUESTS),
    st.lists(
        st.tuples(st.sampled_from(OFTEN * 8 + SELDOM), st.sampled_from(PACES_MS)),
        min_size=10,
        max_size=50,
    ),
)
Told = Callable[[State, AnyCommand, tuple[AnyEvent, ...], State, int], None]


def walk(moves: list[tuple[Aim, int]], law: Told) -> None:
    """Live through the moves, each some time after the one before, and hold every decision to a law."""
    state, now_ms = State(SERVICE), 1_000_000_000
    for event in installed():
        state = evolve(state, event, now_ms)
    for number, (drawn, pace_ms) in enumerate(moves):
        aim = _lead_on(state, drawn, number)
        command = aim(state, now_ms)
        if isinstance(command, ElapseTimer):
            now_ms = max([now_ms, *(one.due_ms for one in timers(state) if one.epoch == command.epoch)])
        else:
            now_ms += pace_ms
            command = aim(state, now_ms)
        before, events = state, decide(state, command, now_ms)
        for event in events:
            state = evolve(state, event, now_ms)
        law(before, command, events, state, now_ms)


def _lead_on(state: State, aim: Aim, number: int) -> Aim:
    """Return what brings a rollout on its way in place of what would often meet none."""
    if aim not in OFTEN:
        return aim
    if state.rollout is None:
        return REQUESTS[number % len(REQUESTS)]
    return aim if state.rollout.ready else OFTEN[3]
