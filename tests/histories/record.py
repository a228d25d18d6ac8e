"""
Keeping the history of a living Segue for those that come after it.

Run: python -m tests.histories.record sqlite:///.local/demo/segue/segue.db tests/histories/0.1.0-demo
"""

import asyncio
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from sqlalchemy import select

from controller.journal import Store, open_store
from controller.journal.tables import inbox, journal
from controller.wire.strict import canonical


async def main(url: str, folder: Path) -> None:
    """Write every fact, and every message that was decided, a line each."""
    store = await open_store(url)
    try:
        facts = await rows(store, journal, "stream", "position")
        messages = await rows(store, inbox, "number")
        (folder / "journal.jsonl").write_text("".join(f"{canonical(one)}\n" for one in facts))
        (folder / "inbox.jsonl").write_text("".join(f"{canonical(one)}\n" for one in messages))
    finally:
        await store.close()


async def rows(store: Store, table: Any, *order: str) -> list[dict[str, object]]:
    """Return a table's rows as JSON: bytes in base64, times in milliseconds."""
    found = await store.rows(select(table).order_by(*(table.c[name] for name in order)), {})
    return [{name: _plain(value) for name, value in row._mapping.items()} for row in found]


def _plain(value: object) -> object:
    return b64encode(value).decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
