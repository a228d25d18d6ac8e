"""What can be seen of a Segue that does not publish just then: its database, and what its processes count."""

import asyncio
import time
from collections.abc import Callable

import httpx

from controller.journal import open_store, views
from controller.parts.ports import LOOPBACK
from tests.journey.world import PATIENCE_S, Tale


def written(tale: Tale) -> int:
    """Return how many facts of the tale's service are committed, published or not."""
    return asyncio.run(_written(tale.world.tree.settings.database, tale.service))


def counted(port: int, name: str, **labels: str) -> float:
    """Return what the process at this port counts under a name and labels; 0 when it has not begun to."""
    said = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    lines = httpx.get(f"http://{LOOPBACK}:{port}/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{{said}}} ")), 0.0)


def taken(tale: Tale) -> dict[str, float]:
    """Return what became of the alerts that the deciders took since they were started."""
    port = tale.world.tree.layout.port("control")
    outcomes = ("decided", "duplicate")
    return {one: counted(port, "segue_messages_total", function="alerts", outcome=one) for one in outcomes}


def until(what: str, found: Callable[[], bool]) -> None:
    """Wait for something that no message tells of."""
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.05)


async def _written(url: str, name: str) -> int:
    store = await open_store(url)
    try:
        service = await views.service(store, name)
        return service.position if service else 0
    finally:
        await store.close()
