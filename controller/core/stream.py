"""One service's stream: facts with position, time and cause, and how a message becomes new ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from controller.core.commands import AnyCommand
from controller.core.decide import decide
from controller.core.errors import Broken
from controller.core.events import (
    AnyEvent,
    RolloutAborted,
    RolloutPromoted,
    RolloutStarted,
    RolloutSuperseded,
    ServiceRetired,
    WindowMeasured,
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


def fold(history: History, facts: Iterable[Fact], ending: int = 0) -> History:
    """
    Fold recorded facts, in order of position, into a history.

    ending: the position of a fact of `ENDINGS` up to which all is going to be folded, as far as one is known; windows
    before it are passed over, which changes nothing of what comes out from there on. Raises Broken when another fact
    stands there.
    """
    for fact in facts:
        if fact.position != history.position + 1:
            raise AssertionError(f"{fact.stream}: position {fact.position} follows {history.position}")
        if fact.position == ending and not isinstance(fact.event, ENDINGS):
            raise Broken(f"fact {fact.stream}/{ending} was said to end or begin a rollout, and does not; read it again")
        passed = fact.position < ending and isinstance(fact.event, WindowMeasured)
        state = history.state if passed else evolve(history.state, fact.event, fact.at_ms)
        history = History(state, fact.position, fact.at_ms)
    return history


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
