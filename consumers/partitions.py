"""
The journal's next months have their partitions before they begin; on SQLite there is nothing to do.

A fact whose month has none is kept all the same, in the partition for all others, and moves when its month gets one.
So this function is never in a hurry: where somebody reads the journal for long, it comes again.
"""

import logging
from typing import Final

from consumers.waiting import pause
from consumers.worker import Worker
from controller.core.errors import Broken, Conflict
from controller.journal.partitions import ahead

_EVERY_S: Final = 3_600.0

_log = logging.getLogger(__name__)


async def run(worker: Worker) -> None:
    """Make partitions ahead until the worker is asked to stop. Raises Unavailable when the database is away."""
    worker.ready_when(lambda: "")
    while True:
        try:
            if made := await ahead(worker.store):
                _log.info("the journal has partitions for %d more months", made, extra={"months": made})
        except (Broken, Conflict) as error:
            _log.warning("partitions of the journal were not made ahead: %s", error, extra={"retry_in_s": _EVERY_S})
        if await pause(worker.stopping, _EVERY_S):
            return
