"""What people order: pause, resume, promote, roll back, override."""

from consumers.deciding import decide
from consumers.worker import Worker
from controller.wire.topics import Topic


async def run(worker: Worker) -> None:
    """Decide every message of `rollout.ordered` until the worker is asked to stop."""
    await decide(worker, Topic.ORDERED)
