"""One window of one rollout, read from Prometheus; or why there is nothing to be seen."""

import re
from dataclasses import dataclass
from typing import Final

from controller.core.errors import SegueError
from controller.core.evidence.window import Window
from controller.core.rollout import Rollout
from controller.observe.counting import STARTED, count
from controller.observe.population import BLOCKS, MEASURED, REQUESTS, arms
from controller.outside.series import Prometheus

LOOK_BACK_MS: Final = 15_000
"""How old the scrape at a window's beginning may be, or as old as the window is long: some scrapes may be missed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A window. blind: why nothing was seen, "" otherwise; the window's counts are empty then."""

    window: Window
    blind: str = ""


async def see(
    prometheus: Prometheus, service: str, rollout: Rollout, start_ms: int, end_ms: int, *, timeout_s: float
) -> Seen:
    """
    Return what both arms of a rollout did from start_ms to end_ms, milliseconds since 1970.

    Never raises SegueError: not to see is what is seen then. Not to see is told from no traffic: a gateway that was
    read and counted nothing is a window without requests.
    """
    step = rollout.at
    assert step is not None, f"{rollout.id} is not in a step"
    assert rollout.from_release is not None, f"{rollout.id} has nothing to be compared with"
    nothing = Window(start_ms, end_ms)
    back_ms = end_ms - start_ms + max(LOOK_BACK_MS, end_ms - start_ms)
    try:
        series = await prometheus.samples(_selector(service), end_ms, back_ms, timeout_s=timeout_s)
    except SegueError as error:
        return Seen(nothing, str(error)[:1000])
    counted = count(series, start_ms, end_ms)
    if not counted.read:
        return Seen(nothing, "Prometheus read no gateway within the window")
    if not counted.known:
        return Seen(nothing, "Prometheus read no gateway before the window, so nothing is known of what is new")
    ours, theirs = arms(counted.increments, step, rollout.release.version, rollout.from_release.version)
    return Seen(Window(start_ms, end_ms, ours, theirs))


def _selector(service: str) -> str:
    """Select what gateways count of a service and when they started; that series has no label `service`."""
    names = "|".join((STARTED, REQUESTS, BLOCKS, MEASURED))
    escaped = re.escape(service).replace("\\", "\\\\")
    return f'{{__name__=~"{names}",service=~"|{escaped}",arm=~"|stable|candidate|mirror"}}'
