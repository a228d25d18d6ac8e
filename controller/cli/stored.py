"""The store, opened for one verb."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controller.journal import Store, open_store
from controller.settings import Settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    """Open the store and close it at the end. Raises Broken or Unavailable, each saying what to do."""
    store = await open_store(settings.database)
    try:
        yield store
    finally:
        await store.close()
