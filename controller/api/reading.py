"""The store as the API reads it: opened by the first question, so that the API itself starts without a database."""

import asyncio

from controller.core.errors import SegueError
from controller.core.names import UNADDRESSED
from controller.journal import views
from controller.journal.store import Store, open_store


class Reading:
    """One store, shared by all requests."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._opening = asyncio.Lock()
        self._store: Store | None = None

    async def store(self) -> Store:
        """Return the open store; raises Unavailable while the database is away, Broken when its schema is another."""
        if self._store is None:
            async with self._opening:
                if self._store is None:
                    self._store = await open_store(self._database_url)
        return self._store

    async def missing(self) -> str:
        """Say in a sentence why nothing can be read; "" when something can."""
        try:
            await views.service(await self.store(), UNADDRESSED)
        except SegueError as error:
            return str(error)
        return ""

    async def close(self) -> None:
        """Close the store, if it was ever opened."""
        if self._store is not None:
            await self._store.close()
