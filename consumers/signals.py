"""What workers and routers report: release ready, failed or unloaded, timer elapsed, route applied."""

from consumers.deciding import decide
from consumers.worker import Worker
from controller.wire.topics import Topic


async def run(worker: Worker) -> None:
    """Decide every message of `signals.reported` until the worker is asked to stop."""
    await decide(worker, Topic.SIGNALS)
