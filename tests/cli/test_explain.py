"""`segue explain`: each fact leads to the message that it came from; and what is no rollout is told so."""

from pathlib import Path

import pytest

from controller.handle import handle
from controller.journal import Store
from tests.cli.past import segue_after
from tests.cli.segue import Segue
from tests.journal.messages import alert, installed, rolling

ALERT = "alert-1.5.0-15000 of tests/hibari, alerts.received/0/15000"


@pytest.fixture
def segue(tmp_path: Path) -> Segue:
    """The command where the service hibari had two rollouts."""

    async def live(store: Store) -> None:
        await handle(store, [*installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000)])

    return segue_after(tmp_path, live)


def test_what_came_from_outside_is_told_with_its_message(segue: Segue) -> None:
    """A request and an alert stand under what they began, with their place in Kafka; Segue's own signals do not."""
    told = segue("explain", "hibari-2").out.splitlines()
    assert [line.strip() for line in told if line.startswith(" ")] == [
        "by message request-1.5.0-10000 of tests/hibari, rollout.requested/0/10000",
        f"by message {ALERT}",
    ]
    assert [one.startswith(" ") for one in told[:3]] == [False, True, False]
    assert "Alert SpeechErrors fired" in told[told.index(f"{' ' * 26}by message {ALERT}") - 1]


def test_programs_get_the_message_of_every_sentence(segue: Segue) -> None:
    """In JSON each sentence has its message, those of Segue's own parts among them."""
    sentences = segue.json("explain", "hibari-2")["sentences"]
    assert [one["message"]["topic"] for one in sentences] == [
        "rollout.requested",
        *["signals.reported"] * 2,
        *["alerts.received"] * 3,
    ]
    assert sentences[-1]["message"] == {
        "source": "tests/hibari",
        "id": "alert-1.5.0-15000",
        "topic": "alerts.received",
        "partition": 0,
        "offset": 15_000,
    }


@pytest.mark.parametrize("asked", ["hibari", "hibari-9"])
def test_a_service_or_a_number_too_high_is_told_which_rollouts_there_are(segue: Segue, asked: str) -> None:
    """Whoever names the service alone, or a rollout that there is not, learns of those that there are."""
    done = segue("explain", asked)
    assert done.code == 1
    assert f"there is no rollout {asked}; the latest of hibari: hibari-2, hibari-1" in done.err


def test_what_nobody_knows_is_told_how_rollouts_are_called(segue: Segue) -> None:
    """Without anything to choose from, an example says what a rollout's name looks like."""
    done = segue("explain", "nothere")
    assert done.code == 1
    assert "there is no rollout nothere, and none of a service by that name; name one such as hibari-3" in done.err
