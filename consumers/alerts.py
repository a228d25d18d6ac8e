"""Alerts: the shortest way from a fault to stable."""

from consumers.deciding import decide
from consumers.worker import Worker
from controller.wire.topics import Topic


async def run(worker: Worker) -> None:
    """Decide every message of `alerts.received` until the worker is asked to stop."""
    await decide(worker, Topic.ALERTS)
