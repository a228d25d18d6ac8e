"""A command where something was decided already: what happened, in a store of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from controller.handle import handle
from controller.journal import Store, open_store
from controller.journal.scenes import unkept
from controller.journal.schema import upgrade
from controller.scene.take import Sources, take
from controller.wire.messages import MessageType
from tests.cli.segue import Segue, segue_in
from tests.journal.messages import message


def segue_after(folder: Path, happens: Callable[[Store], Awaitable[None]]) -> Segue:
    """Return the command whose folder has a SQLite store in which this happened."""
    (folder / "data").mkdir()
    url = f"sqlite:///{folder / 'data' / 'segue.db'}"

    async def live() -> None:
        store = await open_store(url)
        await happens(store)
        await store.close()

    upgrade(url)
    asyncio.run(live())
    return segue_in(folder)


async def keep_scene(store: Store, folder: Path, reason: str) -> None:
    """Keep the scene of the one rollout that was taken back, and report that, as the worker does."""
    (one,) = await unkept(store, 0, 50_000)
    scene = await take(store, folder / "scenes", one, Sources(60, 10))
    kept = {
        "rollout": one.rollout,
        "place": str(scene.place),
        "manifest_sha256": scene.manifest_sha256,
        "size_bytes": scene.size_bytes,
        "reason": reason,
    }
    await handle(store, [message(MessageType.KEPT, "kept/hibari-2", 60_000, kept)])
