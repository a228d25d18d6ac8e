"""What every function is given: its name, the settings, the store, and how it says whether it is ready."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from controller.core.errors import SegueError
from controller.journal import Store, views
from controller.settings import Settings
from controller.wire.topics import Topic, group_name, topic_name

Check = Callable[[], str]
"""Says in a sentence why something is not ready; "" when it is."""

_ASK_DATABASE_S: Final = 2.0


@dataclass(slots=True)
class Readiness:
    """
    Why this process is not ready: each function's own check, and whether the database answers now.

    kafka: why its functions cannot begin, "" when they can. Whether it answers from then on, each of them tells.
    """

    checks: dict[str, Check] = field(default_factory=dict)
    store: Store | None = None
    kafka: str = ""

    async def missing(self) -> dict[str, str]:
        """Return why, for the database, for Kafka and for each function that is not ready."""
        said = {"database": await self._database(), "kafka": self.kafka} | {
            name: check() for name, check in self.checks.items()
        }
        return {name: why for name, why in said.items() if why}

    async def _database(self) -> str:
        if self.store is None:
            return "it is not connected yet"
        try:
            async with asyncio.timeout(_ASK_DATABASE_S):
                await views.service(self.store, "")
        except (SegueError, TimeoutError) as error:
            return str(error) or f"it does not answer within {_ASK_DATABASE_S:g} s"
        return ""


@dataclass(frozen=True, slots=True)
class Worker:
    """
    One function's surroundings.

    stopping: set when the process was asked to end; whatever waits or retries must look at it. life: the name by which
    others see whether this process lives, "" when it does not show.
    """

    name: str
    settings: Settings
    store: Store
    stopping: asyncio.Event
    readiness: Readiness
    life: str = ""

    def __post_init__(self) -> None:
        """Be not ready from the first: until it says so itself, nobody knows what it lacks."""
        self.not_ready("it has not begun yet")

    @property
    def group(self) -> str:
        """The function's consumer group."""
        return group_name(self.name, self.settings.topic_prefix)

    def topic(self, topic: Topic) -> str:
        """The topic's name on this broker."""
        return topic_name(topic, self.settings.topic_prefix)

    def ready_when(self, check: Check) -> None:
        """Let /ready ask `check` about this function from now on."""
        self.readiness.checks[self.name] = check

    def not_ready(self, why: str) -> None:
        """Let /ready say `why` about this function until it says something else."""
        self.readiness.checks[self.name] = lambda: why
