"""What a service must have loaded: read off its state, and left alone by most facts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.commands import AnyCommand
from controller.core.events import AnyEvent
from controller.core.needs import STEADY, Needs
from controller.core.state import State, evolve, wanted
from controller.wire.codec import needs_from, state_json
from tests.core.walking import MOVES, Aim, walk
from tests.wire.values import SAMPLES, anything


def needs(state: State | Needs) -> object:
    """All that whoever loads releases goes by."""
    rollout, guard = state.rollout, state.guard
    return (
        wanted(state),
        state.stable,
        rollout and (rollout.id, rollout.release, rollout.endpoints, rollout.ready),
        guard and (guard.rollout, guard.previous, guard.endpoints),
    )


@given(anything(State))
def test_needs_are_those_of_the_state(state: State) -> None:
    """The few fields that are read of a state are as they stand in it."""
    few = needs_from(state_json(state))
    assert isinstance(few, Needs)
    assert needs(few) == needs(state)


@given(anything(State), st.sampled_from([event for event in SAMPLES if isinstance(event, STEADY)]))
def test_steady_facts_change_nothing_that_is_needed(state: State, event: AnyEvent) -> None:
    """After a measurement, a step, an alert or a router's word the same releases are wanted, by the same rollout."""
    assert needs(evolve(state, event)) == needs(state)


@settings(max_examples=200)
@given(MOVES)
def test_walks_meet_what_they_need_in_other_facts_alone(moves: list[tuple[Aim, int]]) -> None:
    """However a walk goes, what is needed changes with facts that are not called steady, and with no other."""

    def law(before: State, command: AnyCommand, events: tuple[AnyEvent, ...], state: State, now_ms: int) -> None:
        for event in events:
            after = evolve(before, event, now_ms)
            assert not isinstance(event, STEADY) or needs(after) == needs(before)
            before = after

    walk(moves, law)
