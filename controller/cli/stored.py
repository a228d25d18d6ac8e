"""The store, opened for one verb."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controller.core.errors import Broken
from controller.journal import Store, open_store
from controller.settings import Settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    """Open the store and close it at the end. Raises Broken or Unavailable, each saying what to do."""
    if not settings.database_url and not (settings.data / "segue.db").exists():
        raise Broken(
            f"{settings.data} holds no database yet: start Segue there with `segue up`, make an empty one with "
            "`segue db upgrade`, or name yours in SEGUE_DATABASE_URL"
        )
    store = await open_store(settings.database)
    try:
        yield store
    finally:
        await store.close()
