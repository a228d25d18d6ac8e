"""Invariants of single facts and of their order, held against what a run has decided."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from controller.core.commands import ReportAlert
from controller.core.events import (
    AlertMatched,
    PromotionReverted,
    QuarantineLifted,
    ReleaseQuarantined,
    RolloutAborted,
    RouteSet,
)
from controller.core.names import FULL_BP
from controller.core.plan import AlertAction
from controller.core.routing import Role
from controller.core.state import Home, State, table, wanted
from controller.core.stream import Fact
from controller.wire.inbound import Input

Place = tuple[str, int]


def broken_laws(
    facts: Mapping[Place, Fact], states: Mapping[Place, State], inputs: Mapping[str, Input]
) -> Iterator[str]:
    """Yield what is wrong with the facts of all services; states: after each of them; inputs: by their ids."""
    for service in {stream for stream, _ in facts}:
        positions = sorted(position for stream, position in facts if stream == service)
        told = [facts[service, position] for position in positions]
        yield from _weights(told)
        yield from _named(told, inputs)
        yield from _taken_back(told, inputs)
        # What one message led to is committed as a whole: nobody sees what is between.
        ends = [one for one, next in zip(told, [*told[1:], None], strict=True) if not next or next.cause != one.cause]
        after = [states[service, fact.position] for fact in ends]
        yield from _loaded(after)
        yield from _sticky(after)


def _weights(facts: list[Fact]) -> Iterator[str]:
    for fact in facts:
        if isinstance(fact.event, RouteSet) and fact.event.arms:
            total_bp = sum(arm.weight_bp for arm in fact.event.arms)
            if total_bp != FULL_BP:
                yield f"{fact.stream}/{fact.position} shares out {total_bp} of {FULL_BP}"


def _named(facts: list[Fact], inputs: Mapping[str, Input]) -> Iterator[str]:
    for fact in facts:
        if not (fact.event.actor and fact.event.reason and fact.cause in inputs):
            yield f"{fact.stream}/{fact.position} does not say by whom, why, or because of which message"


def _taken_back(facts: list[Fact], inputs: Mapping[str, Input]) -> Iterator[str]:
    condemned = set[str]()
    for fact in facts:
        event = fact.event
        if isinstance(event, ReleaseQuarantined):
            condemned.add(event.release.digest)
        elif isinstance(event, QuarantineLifted):
            condemned.discard(event.digest)
        elif isinstance(event, RouteSet):
            if condemned & {arm.release.digest for arm in event.arms}:
                yield f"{fact.stream}/{fact.position} gives traffic to a release that was taken back"
            command = inputs[fact.cause].command
            if isinstance(command, ReportAlert) and not command.firing:
                yield f"{fact.stream}/{fact.position} moves traffic because an alert is resolved"
        elif isinstance(event, AlertMatched) and event.action is AlertAction.ROLLBACK:
            followed = [type(one.event) for one in facts if one.cause == fact.cause]
            if RolloutAborted not in followed and PromotionReverted not in followed:
                yield f"{fact.stream}/{fact.position} matched an alert that takes a release back, and none was"


def _loaded(states: list[State]) -> Iterator[str]:
    for state in states:
        if not {Home(arm.release, arm.endpoints) for arm in table(state).arms} <= set(wanted(state)):
            yield f"{state.service}: somebody who has traffic may be unloaded at epoch {state.epoch}"


def _sticky(states: list[State]) -> Iterator[str]:
    """Whoever has the candidate keeps it while its weight grows: its buckets are the first ones, of one salt."""
    for before, after in pairwise(states):
        was, now = table(before), table(after)
        one, other = was.arm(Role.CANDIDATE), now.arm(Role.CANDIDATE)
        if one is None or other is None or one.release != other.release:
            continue
        if was.salt != now.salt and one.weight_bp:
            yield f"{after.service}: listeners of the candidate are drawn anew at epoch {after.epoch}"
