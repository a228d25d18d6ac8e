"""One service's stream: facts with position, time and cause, and how a message becomes new ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from controller.core.commands import AnyCommand
from controller.core.decide import decide
from controller.core.events import (
    AnyEvent,
    RolloutAborted,
    RolloutPromoted,
    RolloutStarted,
    RolloutSuperseded,
    ServiceRetired,
)
from controller.core.state import State, evolve


@dataclass(frozen=True, slots=True)
class Fact:
    """
    An event in its place.

    position: 1, 2, 3, ... without gaps within the stream. at_ms: when it was decided, by the clock of the message
    that caused it. cause: that message's id.
    """

    stream: str
    position: int
    at_ms: int
    cause: str
    event: AnyEvent


@dataclass(frozen=True, slots=True)
class History:
    """A stream folded up to `position`; `at_ms` is its last fact's time."""

    state: State
    position: int = 0
    at_ms: int = 0


def begin(service: str) -> History:
    """Return the history of a service of which nothing is recorded yet."""
    return History(State(service))


ENDINGS: Final = (RolloutStarted, RolloutPromoted, RolloutAborted, RolloutSuperseded, ServiceRetired)
"""Facts after which the state holds nothing of any window before them: what was measured goes with its rollout."""


def fold(history: History, facts: Iterable[Fact]) -> History:
    """Fold recorded facts, in order of position, into a history."""
    for fact in facts:
        _follows(history, fact.position)
        history = History(evolve(history.state, fact.event, fact.at_ms), fact.position, fact.at_ms)
    return history


def pass_over(history: History, position: int, at_ms: int) -> History:
    """
    Return the history behind a window that need not be folded, because a fact of `ENDINGS` is going to be.

    From that one on it is the history that folding would have given.
    """
    _follows(history, position)
    return History(history.state, position, at_ms)


def _follows(history: History, position: int) -> None:
    if position != history.position + 1:
        raise AssertionError(f"{history.state.service}: position {position} follows {history.position}")


def react(history: History, command: AnyCommand, cause: str, sent_ms: int) -> tuple[Fact, ...]:
    """
    Decide what a message means now and return the new facts, numbered on from the history.

    sent_ms: the message's own time. Topics do not agree to the millisecond, so time within one stream is never
    let run backwards: a fact is at least as late as the one before it.
    """
    at_ms = max(sent_ms, history.at_ms)
    events = decide(history.state, command, at_ms)
    return tuple(
        Fact(history.state.service, history.position + number, at_ms, cause, event)
        for number, event in enumerate(events, start=1)
    )
