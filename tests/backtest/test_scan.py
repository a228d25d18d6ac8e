"""Windows are read as the journal writes them, and whatever is written otherwise is left to the core."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.backtest.quick import scan
from controller.core.events import WindowMeasured
from controller.journal.measured import Measured
from controller.wire.codec import event_body, event_from
from controller.wire.inbound import Input
from tests.backtest.worlds import ROLLOUT, World, measured


def test_what_is_written_today_is_understood() -> None:
    """A window's text is read to the numbers that it says, without the wire's own reader."""
    windows = [one for one in measured(World(3, 20, 400, 0.1, 1.0, 1, 0.0)) if isinstance(one, Measured)]
    batch = scan.scan([one.body.encode() for one in windows])
    assert batch.plain.all()
    for number, one in enumerate(windows):
        event = event_from("WindowMeasured", one.schema, one.body)
        assert isinstance(event, WindowMeasured)
        window, counts = event.window, batch.numbers[number].tolist()
        assert (counts[scan.START_MS], counts[scan.END_MS]) == (window.start_ms, window.end_ms)
        for arm, at, of in ((window.candidate, scan.CANDIDATE, 0), (window.stable, scan.STABLE, 3)):
            assert counts[at : at + 4] == [arm.blocks, arm.failed_blocks, arm.failures, arm.requests]
            assert [batch.histogram(number, of + one) for one in range(3)] == [arm.latency, arm.rtf, arm.ttfa]
        assert batch.name(number) == ROLLOUT.encode()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda body: body.replace('"window"', '"windows"'),
        lambda body: body.replace(',"mos":[]', ',"mos":[0.5]'),
        lambda body: body.replace('"blind":""', '"blind":"no"'),
        lambda body: body.replace("[[", "[[1.5,"),
        lambda body: body[:-1],
        lambda body: body + " ",
        lambda body: body.replace('"requests":', '"requests":1234567890123456789012'),
        lambda body: "",
    ],
)
def test_what_is_written_otherwise_is_left_to_the_core(wrong: Callable[[str], str]) -> None:
    """Text that says more, or says it in another way, is not guessed at; its neighbours are read all the same."""
    one, other = [one.body for one in measured(World(3, 2, 400, 0.1, 1.0, 1, 0.0)) if isinstance(one, Measured)]
    batch = scan.scan([text.encode() for text in (one, wrong(one), other)])
    assert batch.plain.tolist() == [True, False, True]
    alone = scan.scan([one.encode(), other.encode()])
    assert batch.histogram(2, 5) == alone.histogram(1, 5)
    assert batch.numbers[2].tolist() == alone.numbers[1].tolist()


def test_a_character_may_be_more_than_a_byte() -> None:
    """Texts may hold any letters: each window is found where it begins, and so is its rollout's name."""
    bodies = [one.body for one in measured(World(3, 3, 400, 0.1, 1.0, 1, 0.0)) if isinstance(one, Measured)]
    spoken = [body.replace("measured for", "gemessen f\u00fcr \u7d04") for body in bodies]
    assert spoken != bodies
    batch, plain = (scan.scan([body.encode() for body in some]) for some in (spoken, bodies))
    assert batch.plain.all()
    assert batch.numbers.tolist() == plain.numbers.tolist()
    assert [batch.name(number) for number in range(len(bodies))] == [ROLLOUT.encode()] * len(bodies)


def test_where_another_rollout_begins_is_said() -> None:
    """Windows in a row of one rollout are one run, and so are those that are not understood."""
    one = event_of(measured(World(3, 1, 400, 0.1, 1.0, 1, 0.0)))
    this, other = event_body(one), event_body(replace(one, rollout=f"{ROLLOUT}1"))
    batch = scan.scan([text.encode() for text in (this, this, other, other, "", "{}", this)])
    assert batch.begins.tolist() == [0, 2, 4, 6]


def event_of(messages: list[Input | Measured]) -> WindowMeasured:
    (one,) = (message for message in messages if isinstance(message, Measured))
    event = event_from("WindowMeasured", one.schema, one.body)
    assert isinstance(event, WindowMeasured)
    return event
