"""How many may come in, who waits, who is sent away, and who may answer for others."""

import asyncio

import pytest

from controller.gateway.admission import Admission, Crowded, Limits
from controller.gateway.budget import FailoverBudget, HedgeBudget


def doors(**limits: float) -> tuple[Admission[str], dict[str, int]]:
    """Return places for one at a time and a queue of two, and where the number inside is told."""
    inside: dict[str, int] = {}
    given = Limits(**{"concurrent": 1, "waiting": 2, "wait_s": 5, **limits})  # type: ignore[arg-type]  # whole numbers where they must be
    return Admission(given, inside.__setitem__), inside


async def test_first_come_first_served() -> None:
    """Whoever waits longest is next."""
    admission, inside = doors()
    order: list[str] = []

    async def visit(name: str) -> None:
        await admission.enter("v1")
        order.append(name)
        await asyncio.sleep(0)
        admission.leave("v1")

    await admission.enter("v1")
    visits = [asyncio.create_task(visit(name)) for name in ("first", "second")]
    await asyncio.sleep(0.01)
    assert order == []
    admission.leave("v1")
    await asyncio.gather(*visits)
    assert order == ["first", "second"]
    assert inside == {"v1": 0}


async def test_full_queue_sends_away_at_once() -> None:
    """One over the queue is refused without waiting, and those before it are served."""
    admission, _ = doors()
    await admission.enter("v1")
    waiting = [asyncio.create_task(admission.enter("v1")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Crowded) as caught:
        await admission.enter("v1")
    assert not caught.value.waited
    for entered in waiting:
        admission.leave("v1")
        await entered


async def test_it_says_how_many_places_are_free() -> None:
    """Places are free until somebody enters, and again when they have left; whoever waits has none."""
    admission, _ = doors(concurrent=2)
    assert admission.free("v1") == 2
    await admission.enter("v1")
    await admission.enter("v1")
    assert (admission.free("v1"), admission.free("v2")) == (0, 2)
    waiting = asyncio.create_task(admission.enter("v1"))
    await asyncio.sleep(0)
    admission.leave("v1")
    assert admission.free("v1") == 0
    await waiting
    admission.leave("v1")
    assert admission.free("v1") == 1


async def test_free_place_is_taken_at_once_or_not_at_all() -> None:
    """Who takes a place stands in no line: there is one now, and it is theirs at once, or there is none."""
    admission, inside = doors()
    assert admission.take("v1")
    assert (admission.take("v1"), admission.free("v1"), inside) == (False, 0, {"v1": 1})
    waiting = asyncio.create_task(admission.enter("v1"))
    await asyncio.sleep(0)
    admission.leave("v1")
    assert not admission.take("v1")
    await waiting
    admission.leave("v1")
    assert (admission.take("v1"), admission.take("v2"), inside) == (True, True, {"v1": 1, "v2": 1})


async def test_it_says_whether_a_line_has_room() -> None:
    """Room is a place or one to wait for it, in the line that is meant."""
    admission, _ = doors(waiting=1)
    assert admission.has_room("v1")
    await admission.enter("v1")
    waiting = asyncio.create_task(admission.enter("v1"))
    await asyncio.sleep(0)
    assert (admission.has_room("v1"), admission.has_room("v1", guest=True)) == (False, True)
    admission.leave("v1")
    await waiting
    assert admission.has_room("v1")
    admission.leave("v1")


async def test_other_release_is_not_starved() -> None:
    """However full one release is, another one's places are free."""
    admission, inside = doors(waiting=0)
    await admission.enter("slow")
    with pytest.raises(Crowded):
        await admission.enter("slow")
    await admission.enter("stable")
    assert inside == {"slow": 1, "stable": 1}


async def test_guests_refuse_none_of_the_releases_own() -> None:
    """However many guests there are, the release's own requests get in line, and both lines are served in turn."""
    admission, _ = doors(waiting=3)
    order: list[str] = []

    async def visit(name: str, *, guest: bool) -> None:
        await admission.enter("stable", guest=guest)
        order.append(name)
        admission.leave("stable")

    await admission.enter("stable")
    visits = [asyncio.create_task(visit(f"guest {number}", guest=True)) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Crowded):
        await admission.enter("stable", guest=True)
    visits += [asyncio.create_task(visit(f"own {number}", guest=False)) for number in range(2)]
    await asyncio.sleep(0)
    admission.leave("stable")
    await asyncio.gather(*visits)
    assert order == ["own 0", "guest 0", "own 1", "guest 1", "guest 2"]


async def test_waiting_has_an_end() -> None:
    """Whoever waits too long is sent away, and its place in the queue is free again."""
    admission, inside = doors(wait_s=0.02, waiting=1)
    await admission.enter("v1")
    for _ in range(3):
        with pytest.raises(Crowded) as caught:
            await admission.enter("v1")
        assert caught.value.waited
    admission.leave("v1")
    assert inside == {"v1": 0}


async def test_place_of_a_caller_who_left_goes_to_the_next() -> None:
    """A wait that is cancelled in the moment in which its place came hands the place on."""
    admission, inside = doors()
    await admission.enter("v1")
    left = asyncio.create_task(admission.enter("v1"))
    stays = asyncio.create_task(admission.enter("v1"))
    await asyncio.sleep(0)
    admission.leave("v1")
    left.cancel()
    async with asyncio.timeout(1):
        await stays
    assert left.cancelled()
    admission.leave("v1")
    assert inside == {"v1": 0}


class Clock:
    """Seconds that pass when told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_failing_release_is_not_asked_to_answer_for_others() -> None:
    """Ten failures in a row, and a release is left alone; its own answers, or time, bring it back."""
    clock = Clock()
    budget: FailoverBudget[str] = FailoverBudget(clock)
    for _ in range(10):
        assert budget.allows("stable")
        budget.failed("stable")
    assert not budget.allows("stable")
    assert budget.allows("another")
    budget.answered("stable")
    assert budget.allows("stable")
    for _ in range(30):
        budget.failed("stable")
    clock.now_s = 10.0
    assert not budget.allows("stable")
    clock.now_s = 10.5
    assert budget.allows("stable")


def test_release_that_mostly_answers_is_always_asked() -> None:
    """One failure in four answers is made up for at once."""
    budget: FailoverBudget[str] = FailoverBudget(Clock())
    for _ in range(1000):
        budget.failed("stable")
        for _ in range(4):
            budget.answered("stable")
        assert budget.allows("stable")


def test_one_request_in_twenty_is_hedged() -> None:
    """Twenty at once, then one in twenty; a release that is seldom late is always hedged, and each has its own."""
    budget: HedgeBudget[str] = HedgeBudget()
    assert [budget.take("late") for _ in range(21)] == [True] * 20 + [False]
    taken = 0
    for _ in range(200):
        budget.requested("late")
        taken += budget.take("late")
    assert taken in (9, 10)
    for number in range(2_000):
        budget.requested("seldom")
        assert number % 20 or budget.take("seldom")
