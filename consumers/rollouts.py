"""Rollout requests: a release becomes a service's candidate, or is refused."""

from consumers.deciding import decide
from consumers.worker import Worker
from controller.wire.topics import Topic


async def run(worker: Worker) -> None:
    """Decide every message of `rollout.requested` until the worker is asked to stop."""
    await decide(worker, Topic.REQUESTED)
