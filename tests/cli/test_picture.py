"""What people are told of a service's state: what is awaited, and how long still."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from controller.cli.picture import awaited, clock, picture, values
from controller.core.commands import ElapseTimer, PauseRollout, PromoteRollout, ReportReleaseReady, RollBack, TimerKind
from controller.core.decide import decide
from controller.core.state import State, evolve
from controller.journal.views import Service
from controller.wire.codec import GENESIS_HASH
from tests.spec import NOW_MS, PLAN, SAID, SERVICE, installed, release, request


def after(*commands: object, at_ms: int = NOW_MS) -> State:
    """Return the state of a service with stable 1.4.0 after some commands."""
    state = State(SERVICE)
    for event in installed():
        state = evolve(state, event)
    for command in commands:
        for event in decide(state, command, at_ms):  # type: ignore[arg-type]  # a test hands in commands only
            state = evolve(state, event, at_ms)
    return state


ASKED = request("1.5.0")
READY = ReportReleaseReady(
    service=SERVICE, **SAID, ensemble="hibari__1.5.0", load_s=1, probe_latency_s=0.1, probe_audio_s=2
)
PAUSED = PauseRollout(service=SERVICE, **SAID)


@pytest.mark.parametrize(
    ("state", "now_ms", "told"),
    [
        (State(SERVICE), 0, "a first release"),
        (after(), 0, "a request"),
        (after(ASKED), NOW_MS + 5_000, "1.5.0 to be loaded and heard; it is given up in 0:55"),
        (after(ASKED, READY), NOW_MS + 3_000, "the end of the hold in 0:07, then 50 %"),
        (after(ASKED, READY), NOW_MS + 60_000, "the end of the hold in 0:00, then 50 %"),
        (after(ASKED, READY, PAUSED), NOW_MS, "somebody to resume it; 0:10 of the hold is left"),
        (after(ASKED, PAUSED), NOW_MS, "somebody to resume it"),
        (after(ASKED, READY, RollBack(service=SERVICE, **SAID)), NOW_MS, "a request"),
    ],
)
def test_what_is_awaited(state: State, now_ms: int, told: str) -> None:
    """Each state says what must happen before anything moves by itself."""
    assert awaited(state, now_ms) == told


def test_the_last_hold_ends_in_all_traffic_and_then_the_guard_window_is_awaited() -> None:
    """After the last step comes all traffic; after that, until the window ends, the former release stays loaded."""
    state = after(ASKED, READY)
    assert state.rollout is not None
    last = len(PLAN.steps) - 1
    at_last = replace(state, rollout=replace(state.rollout, step=last))
    assert awaited(at_last, NOW_MS) == "the end of the hold in 0:10, then all traffic"
    assert state.rollout.timer is not None
    hold = ElapseTimer(service=SERVICE, **SAID, kind=TimerKind.HOLD, epoch=state.rollout.timer.epoch)
    for event in decide(at_last, hold, NOW_MS):
        at_last = evolve(at_last, event)
    assert awaited(at_last, NOW_MS) == "the end of the guard window in 5:00; until then 1.4.0 stays loaded"


def test_the_picture_shows_the_walk() -> None:
    """Weights, where a release lives, the plan with the step it is at, and what is awaited stand in the picture."""
    out = io.StringIO()
    state = after(request("1.5.0", PLAN, "triton-a:8000", "triton-b:8000"), READY)
    service = Service(SERVICE, 7, NOW_MS, GENESIS_HASH, state)
    Console(file=out, width=100).print(picture(service, [], NOW_MS))
    drawn = out.getvalue()
    assert "candidate" in drawn
    assert "▶ 5 % (0:10)  50 % (0:20)  100 %" in drawn
    assert "95 %" in drawn
    assert "triton-a:8000, triton-b:8000" in drawn


def test_programs_get_the_same_as_values() -> None:
    """The values name arms, rollout and what is awaited."""
    told = values(Service(SERVICE, 7, NOW_MS, GENESIS_HASH, after(ASKED, READY)), NOW_MS)
    assert told["arms"] == [
        {"role": "stable", "version": release("1.4.0").version, "weight_bp": 9500, "endpoints": []},
        {"role": "candidate", "version": "1.5.0", "weight_bp": 500, "endpoints": []},
    ]
    assert told["rollout"] == {
        "id": "hibari-2",
        "version": "1.5.0",
        "plan": "test",
        "phase": "holding",
        "paused": False,
        "step": 0,
        "steps": 2,
        "weight_bp": 500,
        "due_at": "1970-01-01T00:16:50.000Z",
        "gates": [],
        "missing": [],
        "waiting": "",
        "blind": "",
        "measured_at": None,
    }


def test_what_can_be_gone_back_to_is_shown() -> None:
    """Whoever wants to go back sees which releases were stable lately, and how the last rollout ended."""
    state = after(ASKED, READY, PromoteRollout(service=SERVICE, **SAID))
    service = Service(SERVICE, 9, NOW_MS, GENESIS_HASH, state)
    told = values(service, NOW_MS)
    assert told["formers"] == [
        {"version": "1.4.0", "digest": release("1.4.0").digest, "until": "1970-01-01T00:16:40.000Z"}
    ]
    assert told["last"] == {
        "rollout": "hibari-2",
        "how": "was promoted",
        "by": "ci",
        "at": "1970-01-01T00:16:40.000Z",
    }
    out = io.StringIO()
    Console(file=out, width=100).print(picture(service, [], NOW_MS))
    assert "was stable   1.4.0 (until 1970-01-01T00:16)" in out.getvalue()


@pytest.mark.parametrize(
    ("milliseconds", "read"), [(-5, "0:00"), (7_499, "0:07"), (750_000, "12:30"), (86_399_000, "23:59:59")]
)
def test_time_spans_are_read_like_a_clock(milliseconds: int, read: str) -> None:
    """Minutes and seconds, hours when there are any, and nothing below nothing."""
    assert clock(milliseconds) == read
