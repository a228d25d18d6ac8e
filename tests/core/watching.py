"""A rollout that is watched: windows, due timers, and what follows from them, one after another."""

from collections import Counter
from dataclasses import replace

from controller.core.commands import ReportWindow, TimerKind
from controller.core.decide import decide
from controller.core.events import AnyEvent, WindowMeasured
from controller.core.gates import Gate, GateKind
from controller.core.plan import Plan
from controller.core.readings import Footprint, Reading
from controller.core.rollout import Rollout
from controller.core.sequential import ArmCounts, Window, bucket_of
from controller.core.state import evolve
from tests.spec import NOW_MS, SERVICE, Given, after, elapsed, installed, ready, release, request

NEW = release("1.5.0")
EVIDENCE = Gate("evidence", GateKind.EVIDENCE)
QUEUE = Gate("queue", GateKind.PROMETHEUS, "queue_length", above=10, persist=3)
BEGAN_MS = NOW_MS + 1000
"""When the first step of `holding` began."""

SECOND = 1000


def arm(requests: int, failures: int = 0) -> ArmCounts:
    """An arm's ten seconds: blocks of five requests, whose times are log-logistic around 0.2 s."""
    ranks = [(number + 0.5) / requests for number in range(requests - failures)]
    spoken = tuple(sorted(Counter(bucket_of(0.2 * (rank / (1 - rank)) ** 0.22) for rank in ranks).items()))
    return ArmCounts(requests, failures, requests // 5, min(failures, requests // 5), spoken, spoken, spoken)


def window(
    number: int,
    candidate: ArmCounts | None = None,
    stable: ArmCounts | None = None,
    *readings: Reading,
    memory: Footprint | None = None,
) -> ReportWindow:
    """The ten seconds that end `number` times ten seconds after the first step began."""
    end_ms = BEGAN_MS + number * 10 * SECOND
    return ReportWindow(
        service=SERVICE,
        actor="observer",
        reason="measured",
        rollout="hibari-2",
        window=Window(end_ms - 10 * SECOND, end_ms, candidate or ArmCounts(), stable or ArmCounts()),
        memory=memory,
        readings=readings,
    )


def blind(number: int, why: str = "Prometheus is away") -> ReportWindow:
    """Ten seconds in which nothing could be measured."""
    return replace(window(number), blind=why)


def holding(plan: Plan) -> Given:
    """1.4.0 serves; 1.5.0 stands in the first step of a plan since BEGAN_MS."""
    return after(request("1.5.0", plan), ready("1.5.0"), past=installed())


def live(given: Given, *commands: ReportWindow) -> tuple[Given, tuple[AnyEvent, ...]]:
    """Take windows one after another, each when it ends, and return all that followed."""
    state, facts = given.state, []
    for command in commands:
        for event in decide(state, command, command.window.end_ms + SECOND):
            state = evolve(state, event)
            facts.append(event)
    return Given(state), tuple(facts)


def kinds(facts: tuple[AnyEvent, ...]) -> list[str]:
    """Name the facts, windows aside."""
    return [type(fact).__name__ for fact in facts if not isinstance(fact, WindowMeasured)]


def running(given: Given) -> Rollout:
    """The running rollout."""
    assert given.state.rollout is not None
    return given.state.rollout


def at_end(given: Given, number: int, kind: TimerKind = TimerKind.HOLD) -> tuple[Given, tuple[AnyEvent, ...]]:
    """Let a timer come due right behind window `number`."""
    facts = decide(given.state, elapsed(given, kind), BEGAN_MS + number * 10 * SECOND + SECOND)
    state = given.state
    for event in facts:
        state = evolve(state, event)
    return Given(state), facts
