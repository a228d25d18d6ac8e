"""
What the store has to say beside an order: what a decision cannot, since it looks at one service alone.

Where there is no store to be had, or it does not answer, nothing is said: an order needs Kafka alone.
"""

import asyncio
from contextlib import suppress
from difflib import get_close_matches

from controller.core.errors import SegueError
from controller.core.state import State
from controller.settings import Settings


def told_of_new(settings: Settings, service: str) -> str:
    """Say that nothing is recorded of a service, what follows from that, and which is called much like it; or ""."""
    from controller.core.names import is_service

    async def read() -> str:
        from controller.cli.stored import opened
        from controller.journal import views

        async with opened(settings) as store:
            if await views.service(store, service) is not None:
                return ""
            near = get_close_matches(service, await views.names(store), n=1)
        meant = f"; did you mean {near[0]}? " if near else "; "
        return (
            f"{service} is a new service: its first release is compared with none, and takes all traffic of {service} "
            f"once it is loaded and heard{meant}`segue service retire {service} --reason ...` ends it again"
        )

    with suppress(SegueError):
        return asyncio.run(read()) if is_service(service) else ""
    return ""


def no_such_plan(settings: Settings, service: str, plan: str) -> str:
    """Say that a service knows no plan of this name, in the words of those who decide; "" when it does."""
    from controller.core.named import find_plan, names

    state = _state(settings, service)
    if state is None or find_plan(state.plans, plan) is not None:
        return ""
    return f"there is no plan {plan}; of {service} there is: {', '.join(names(state.plans))}"


def on_guard(settings: Settings, service: str, rollout: str) -> str:
    """Say which rollout can be taken back where one cannot that is over; "" when there is none."""
    state = _state(settings, service)
    if state is None or state.rollout is not None or state.guard is None or state.guard.rollout == rollout:
        return ""
    guard = state.guard
    return (
        f"{rollout} is over, and {guard.rollout} stands on guard: `segue rollout rollback {service} --reason ...`, "
        f"without --rollout, takes that back to {guard.previous.version}"
    )


def _state(settings: Settings, service: str) -> State | None:
    async def read() -> State | None:
        from controller.cli.stored import opened
        from controller.journal import views

        async with opened(settings) as store:
            found = await views.service(store, service)
            return found.state if found else None

    with suppress(SegueError):
        return asyncio.run(read())
    return None
