"""What comes of a release that lives on several endpoints, of what comes of it on each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.homes import came_of
from consumers.kept import Failed, Heard, Kept, Surroundings
from controller.outside.triton import Triton
from tests.spec import release

NOWHERE = Failed("it is to live on triton-z:8000, which nobody knows", True, 30)
DEAD = Failed("it failed 3 probes in a row", False, 20)


@pytest.fixture
async def homes() -> AsyncIterator[tuple[Kept, Kept]]:
    """A release on two endpoints, coming up on both; no Triton is asked."""

    async with Triton("127.0.0.1:1") as nobody:

        def kept(endpoint: str) -> Kept:
            around = Surroundings(
                endpoint, nobody, Path(), asyncio.Semaphore(), 1, 1, lambda *_: None, lambda: None, lambda _: False
            )
            return Kept(release("1.5.0"), around)

        yield kept("triton-a:8000"), kept("triton-b:8000")


async def test_release_is_ready_once_it_was_heard_everywhere(homes: tuple[Kept, Kept]) -> None:
    """It is not ready while one endpoint is still to be heard; then its slowest endpoint speaks for all."""
    homes[0].heard = Heard(load_s=2.0, latency_s=0.1, audio_s=1.5)
    assert came_of(homes, None, was_ready=False) is None
    homes[1].heard = Heard(load_s=1.0, latency_s=0.3, audio_s=1.5)
    assert came_of(homes, None, was_ready=False) == Heard(load_s=2.0, latency_s=0.3, audio_s=1.5)


async def test_new_release_has_failed_where_it_failed_first(homes: tuple[Kept, Kept]) -> None:
    """One endpoint that cannot be brought up is enough, and the reason names it."""
    homes[0].heard, homes[1].failed = Heard(2.0, 0.1, 1.5), DEAD
    assert came_of(homes, None, was_ready=False) == Failed("on triton-b:8000: it failed 3 probes in a row", False, 20)


async def test_unknown_endpoint_fails_a_new_release(homes: tuple[Kept, Kept]) -> None:
    """An endpoint that nobody configured fails it however well the others do."""
    homes[0].heard = homes[1].heard = Heard(2.0, 0.1, 1.5)
    assert came_of(homes, NOWHERE, was_ready=False) == NOWHERE
    assert came_of((), NOWHERE, was_ready=False) == NOWHERE


async def test_release_that_was_ready_fails_only_with_its_last_endpoint(homes: tuple[Kept, Kept]) -> None:
    """One silent endpoint is left alone by gateways; when all are, the last to fall silent is the reason."""
    homes[0].heard, homes[1].failed = Heard(2.0, 0.1, 1.5), DEAD
    assert came_of(homes, None, was_ready=True) is None
    homes[0].heard, homes[0].failed = None, Failed("its stage died", False, 50)
    assert came_of(homes, None, was_ready=True) == Failed("on triton-a:8000: its stage died", False, 50)


async def test_release_that_is_loaded_anew_somewhere_has_not_failed(homes: tuple[Kept, Kept]) -> None:
    """While an endpoint comes up again there is nothing to tell, whatever another one did."""
    homes[1].failed = DEAD
    assert came_of(homes, NOWHERE, was_ready=True) is None


async def test_settings_that_lost_an_endpoint_condemn_nobody(homes: tuple[Kept, Kept]) -> None:
    """A release that was ready is not blamed by a worker that was started without its endpoints."""
    homes[0].heard = Heard(2.0, 0.1, 1.5)
    assert came_of(homes[:1], NOWHERE, was_ready=True) == homes[0].heard
    assert came_of((), NOWHERE, was_ready=True) is None


async def test_one_endpoint_needs_no_name(homes: tuple[Kept, Kept]) -> None:
    """A release that lives in one place fails for the reason that it has there."""
    homes[1].failed = DEAD
    assert came_of(homes[1:], None, was_ready=False) == DEAD
