"""
Recorded messages decided again by another policy.

Messages come in the order in which they were decided, each at its own time. Timers that the record has come due when
they did; those that another plan sets come due between the messages, to the millisecond, and no sooner.
The walk ends with the last message.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from controller.backtest.ahead import LATE_MS
from controller.backtest.policy import Policy
from controller.backtest.windows import Windows
from controller.core.commands import (
    AnyCommand,
    ElapseTimer,
    Order,
    ReportReleaseFailed,
    ReportReleaseReady,
    ReportWindow,
    RequestRollout,
    TimerKind,
)
from controller.core.events import RolloutStarted, WindowMeasured
from controller.core.named import find_plan
from controller.core.rollout import Timer
from controller.core.state import timers
from controller.core.stream import Fact, History, fold, react
from controller.journal.measured import Measured
from controller.wire.codec import event_from
from controller.wire.inbound import Input

_ACTOR: Final = "segue/backtest"
_LATE_MS: Final = 60_000
"""So late a timer may have come due where nothing is tried: each is to come due as it did."""
_TIMER: Final = re.compile(rf"timer/.*?(?P<kind>{'|'.join(TimerKind)})/(?P<epoch>[0-9]{{1,18}})")
"""The id of the message that says that a timer came due."""


@dataclass(frozen=True, slots=True)
class Known:
    """
    What the record says beforehand of messages to come.

    started: what each request began, by the request's id. kept: when timers came due, by kind and epoch.
    """

    started: Mapping[str, RolloutStarted]
    kept: Mapping[tuple[TimerKind, int], int]


def known(recorded: Iterable[Fact]) -> Known:
    """Return what a service's recorded facts say of its messages; windows may be left out."""
    started: dict[str, RolloutStarted] = {}
    kept: dict[tuple[TimerKind, int], int] = {}
    for fact in recorded:
        if isinstance(fact.event, RolloutStarted):
            started[fact.cause] = fact.event
        elif found := _TIMER.fullmatch(fact.cause):
            kept[TimerKind(found["kind"]), int(found["epoch"])] = fact.at_ms
    return Known(started, kept)


def measured(message: Measured) -> WindowMeasured:
    """Return the window that stands in the journal; raises Malformed."""
    event = event_from(WindowMeasured.__name__, message.schema, message.body)
    assert isinstance(event, WindowMeasured)
    return event


class Walk:
    """
    One service's messages being decided again.

    known: what is on record of all of them. before: the recorded facts until the first message, folded.
    history: where the walk stands. facts: what followed, windows left out. windows: what was measured, by the rollout's
    name on record.
    """

    def __init__(self, known: Known, policy: Policy, before: History) -> None:
        self.history = before
        self.facts: list[Fact] = []
        self.windows: dict[str, Windows] = {}
        self._known = known
        self._policy = policy
        self._requests = {event.rollout: request for request, event in known.started.items()}
        # Until here everything is as it was, names too.
        self._named = {
            request: event.rollout for request, event in islice(known.started.items(), before.state.rollouts)
        }

    def take(self, message: Input | Measured) -> None:
        """Take the next message, and note what it measured."""
        if isinstance(message, Measured):
            event = measured(message)
            self.windows.setdefault(event.rollout, Windows()).note(event)
        self.decide(message)

    def decide(self, message: Input | Measured) -> None:
        """Decide the next message, and before it what comes due until then."""
        self.wait(message.sent_ms)
        command = self._reported(measured(message)) if isinstance(message, Measured) else message.command
        if self._policy.changes and isinstance(command, ElapseTimer) and self._is_early(command, message.sent_ms):
            return
        command = self._translated(command)
        if isinstance(command, RequestRollout):
            command = self._planned(command, message.id)
        self._fold(react(self.history, command, message.id, message.sent_ms))

    def wait(self, now_ms: int) -> None:
        """Let each timer that is due by now_ms, and whose coming due is not on record, come due at its own time."""
        while due := [one for one in timers(self.history.state) if one.due_ms <= now_ms and not self._is_kept(one)]:
            first = min(due, key=lambda one: (one.due_ms, one.kind, one.epoch))
            service, kind = self.history.state.service, first.kind
            why = f"the {kind} timer came due"
            command = ElapseTimer(service=service, actor=_ACTOR, reason=why, kind=kind, epoch=first.epoch)
            new = react(self.history, command, f"timer/{service}/{kind}/{first.epoch}", first.due_ms)
            if not new:
                raise AssertionError(f"{service}: the {kind} timer of epoch {first.epoch} came due, changing nothing")
            self._fold(new)

    def _reported(self, event: WindowMeasured) -> ReportWindow:
        return ReportWindow(
            service=self.history.state.service,
            actor=event.actor,
            reason=event.reason,
            rollout=event.rollout,
            window=event.window,
            memory=event.memory,
            readings=event.readings,
            blind=event.blind,
        )

    def _fold(self, new: tuple[Fact, ...]) -> None:
        self.history = fold(self.history, new)
        self._named |= {fact.cause: fact.event.rollout for fact in new if isinstance(fact.event, RolloutStarted)}
        self.facts += [fact for fact in new if not isinstance(fact.event, WindowMeasured)]

    def _planned(self, command: RequestRollout, request: str) -> RequestRollout:
        """Let a request ask for the plan of the policy. A name means what it meant then, where anything came of it."""
        began = self._known.started.get(request)
        found = find_plan(self.history.state.plans, began.plan if began else command.plan)
        had = found.plan if found else self._policy.plan
        return command if had is None else replace(command, plan=self._policy.instead_of(had))

    def _is_kept(self, timer: Timer) -> bool:
        """Say whether the record has this timer come due, a little late as timers do; later it was another's."""
        late_ms = self._known.kept.get((timer.kind, timer.epoch), -1) - timer.due_ms
        return 0 <= late_ms < (LATE_MS if self._policy.changes else _LATE_MS)

    def _is_early(self, command: ElapseTimer, sent_ms: int) -> bool:
        """Say whether a timer on record bears the number of one not due here yet: another plan set that one."""
        waiting = {(timer.kind, timer.epoch): timer.due_ms for timer in timers(self.history.state)}
        return waiting.get((command.kind, command.epoch), 0) > sent_ms

    def _translated(self, command: AnyCommand) -> AnyCommand:
        """Let a message about a rollout mean the same rollout here, where it may have another number."""
        about = Order | ReportWindow | ReportReleaseReady | ReportReleaseFailed
        if not isinstance(command, about) or not command.rollout:
            return command
        return replace(command, rollout=self.name_of(command.rollout))

    def name_of(self, rollout: str) -> str:
        """Return the name that a rollout on record has here. Of one that was never begun nothing may be believed."""
        return self._named.get(self._requests.get(rollout, ""), f"{rollout}, which never began")
