"""
What would have happened under another plan: recorded messages decided again, with no effect on anything.

Messages come in the order in which they were decided, each at its own time. Timers that the record has come due when
they did; those that another plan sets come due between the messages, to the millisecond, and no sooner.
The walk ends with the last message.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from controller.core.commands import AnyCommand, ElapseTimer, Order, ReportWindow, RequestRollout, TimerKind
from controller.core.events import RolloutStarted
from controller.core.plan import Plan
from controller.core.rollout import Timer
from controller.core.state import timers
from controller.core.stream import Fact, History, begin, fold, react
from controller.courses import Course, courses, unknown
from controller.wire.inbound import Input

_ACTOR: Final = "segue/backtest"
_LATE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Compared:
    """One rollout as it went and as it would have gone. unknown: why the record cannot say more, "" when it can."""

    happened: Course
    would_have: Course | None
    unknown: str


def backtest(inputs: Sequence[Input], recorded: Sequence[Fact], plan: Plan) -> tuple[Compared, ...]:
    """
    Decide one service's recorded messages again, every rollout walked by `plan`, and compare rollout by rollout.

    inputs: the service's messages in the order in which they were decided. recorded: its facts.
    """
    happened, would_have = courses(recorded), courses(decide_again(inputs, recorded, plan))
    return tuple(
        Compared(course, other := would_have.get(request), unknown(course, other, plan, recorded))
        for request, course in happened.items()
    )


def decide_again(inputs: Sequence[Input], recorded: Iterable[Fact], plan: Plan | None = None) -> tuple[Fact, ...]:
    """Return the facts that follow from recorded messages, with `plan` in place of the plan of each request."""
    requests = {fact.event.rollout: fact.cause for fact in recorded if isinstance(fact.event, RolloutStarted)}
    service = inputs[0].command.service if inputs else ""
    history = begin(service)
    facts: list[Fact] = []
    now_named: dict[str, str] = {}
    kept = {(c.kind, c.epoch): one.sent_ms for one in inputs if isinstance(c := one.command, ElapseTimer)}
    for one in inputs:
        history, fired = _until(history, one.sent_ms, kept)
        facts += fired
        if plan is not None and _is_early(history, one):
            continue
        command = _translated(one.command, requests, now_named)
        if plan is not None and isinstance(command, RequestRollout):
            command = replace(command, plan=plan)
        new = react(history, command, one.id, one.sent_ms)
        history = fold(history, new)
        now_named |= {fact.cause: fact.event.rollout for fact in new if isinstance(fact.event, RolloutStarted)}
        facts += new
    return tuple(facts)


def _until(history: History, now_ms: int, kept: Mapping[tuple[TimerKind, int], int]) -> tuple[History, list[Fact]]:
    """Let every timer that is due before now_ms, and whose coming due is not on record, come due at its own time."""
    fired: list[Fact] = []
    while due := [one for one in timers(history.state) if one.due_ms <= now_ms and not _is_kept(one, kept)]:
        first = min(due, key=lambda one: (one.due_ms, one.kind, one.epoch))
        service, kind = history.state.service, first.kind
        why = f"the {kind} timer came due"
        command = ElapseTimer(service=service, actor=_ACTOR, reason=why, kind=kind, epoch=first.epoch)
        new = react(history, command, f"timer/{service}/{kind}/{first.epoch}", first.due_ms)
        if not new:
            raise AssertionError(f"{service}: the {kind} timer of epoch {first.epoch} came due and changed nothing")
        history = fold(history, new)
        fired += new
    return history, fired


def _is_kept(timer: Timer, kept: Mapping[tuple[TimerKind, int], int]) -> bool:
    """Say whether the record has this timer come due, a little late as timers do."""
    late_ms = kept.get((timer.kind, timer.epoch), -1) - timer.due_ms
    return 0 <= late_ms < _LATE_MS


def _is_early(history: History, one: Input) -> bool:
    """Say whether a timer on record bears the number of one that is not due here yet: another plan set that one."""
    command = one.command
    if not isinstance(command, ElapseTimer):
        return False
    waiting = {(timer.kind, timer.epoch): timer.due_ms for timer in timers(history.state)}
    return waiting.get((command.kind, command.epoch), 0) > one.sent_ms


def _translated(command: AnyCommand, requests: Mapping[str, str], named: Mapping[str, str]) -> AnyCommand:
    """Let a message about a rollout mean the same rollout here, where it may have another number."""
    if not isinstance(command, Order | ReportWindow) or not command.rollout:
        return command
    # Of one that was never begun here nothing may be believed.
    now = named.get(requests.get(command.rollout, ""), f"{command.rollout}, which never began")
    return replace(command, rollout=now)
