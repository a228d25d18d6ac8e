"""What became of the alerts, as the store has it."""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Final

from sqlalchemy import text

from controller.journal import Store

_DECIDED: Final = ("AlertMatched", "AlertNoted")
_PATIENCE_S: Final = 300.0
_KINDS: Final = text("SELECT stream, type, count(*) FROM journal WHERE stream LIKE :like GROUP BY stream, type")
_APPLIED: Final = text("SELECT stream, body FROM journal WHERE stream LIKE :like AND type = 'RouteApplied'")


async def decided(store: Store, prefix: str, alerts: int) -> tuple[float, Counter[str], list[int]]:
    """
    Wait until so many alerts about services whose names begin so are decided.

    Returns the seconds that took, how many facts of each kind there are, and how often each service was taken back.
    """
    began = time.monotonic()
    while True:
        rows = await store.rows(_KINDS, {"like": f"{prefix}%"})
        kinds = Counter[str]()
        for _, kind, number in rows:
            kinds[kind] += number
        done = sum(kinds[kind] for kind in _DECIDED)
        waited_s = time.monotonic() - began
        if done >= alerts or waited_s > _PATIENCE_S:
            return waited_s, kinds, [number for _, kind, number in rows if kind == "RolloutAborted"]
        sys.stderr.write(f"flood: {done:,} of {alerts:,} alerts are decided\n")
        await asyncio.sleep(1)


async def applied_ms(store: Store, prefix: str, epoch: int, services: int) -> dict[str, float]:
    """Wait until a gateway serves these services by this epoch, and return since when, milliseconds."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        since = dict[str, float]()
        for service, body in await store.rows(_APPLIED, {"like": f"{prefix}%"}):
            said = json.loads(body)
            if said["epoch"] == epoch:
                since[service] = said["applied_at_ms"]
        if len(since) >= services or time.monotonic() > deadline:
            return since
        await asyncio.sleep(0.2)
