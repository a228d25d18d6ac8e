"""`segue rebuild`: all that follows from the journal, made anew."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from controller.cli.answers import AsJson, tell_json
from controller.cli.here import settings_here
from controller.cli.plain import say
from controller.cli.progress import Progress

if TYPE_CHECKING:
    from controller.journal.rebuild import Rebuilt


def rebuild(as_json: AsJson = False) -> None:
    """
    Make all read tables and timers anew from the journal, beside the living ones, while services go on deciding.

    They take the place of the living ones at once, at the end; only then deciding waits, for a moment. One that is
    interrupted changes nothing. `segue db rebuild` is the same.

    Example: segue rebuild
    """
    rebuilt = asyncio.run(_rebuild())
    if as_json:
        tell_json(asdict(rebuilt))
    else:
        held_ms = round(rebuilt.held_s * 1000)
        say(f"the read tables were made anew from {rebuilt.facts} facts; deciding waited for {held_ms} ms at most")


async def _rebuild() -> "Rebuilt":
    from controller.cli.stored import opened
    from controller.journal.rebuild import rebuild as rebuild_tables

    progress = Progress()
    async with opened(settings_here()) as store:
        try:
            return await rebuild_tables(store, progress)
        finally:
            progress.end()
