"""
Messages a second that one process decides with exactly-once effects, and the bare loop of the same statements.

Records are read, looked up in the inbox, decided, and kept with their facts, in batches as they come from Kafka. After
each batch its statements go to a second store of the same content by the bare driver, so both know the same minute.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from consumers.delivery import BATCH
from controller.bench.figures import Figure
from controller.collector import AMID_ALERTS, rest_collector
from controller.handle import handle
from controller.journal import Store, open_store
from controller.journal.schema import upgrade
from controller.wire.inbound import Received, read
from controller.wire.messages import MessageType
from tests.bench.statements import BarePostgres, BareSqlite, overheard
from tests.journal.messages import record, rolling

LEAST_A_SECOND: Final = 3_000
LEAST_OF_BARE: Final = 0.7
_SERVICES: Final = 100
_WARM: Final = 5


def measure(part: str, url: str, bare_url: str, batches: int) -> list[Figure]:
    """Decide so many batches on one empty store, and send their statements to the other, which is as empty."""
    return asyncio.run(_measured(part, url, bare_url, batches))


async def _measured(part: str, url: str, bare_url: str, batches: int) -> list[Figure]:
    for one in (url, bare_url):
        upgrade(one)
    store = await open_store(url)
    other = await open_store(bare_url)
    for filled in (store, other):
        for number in range(_SERVICES):
            await handle(filled, [*rolling("1.4.0", 5_000, _name(number)), *rolling("1.5.0", 9_000, _name(number))])
    await other.close()
    postgres = url.startswith("postgresql")
    bare = await BarePostgres.at(bare_url) if postgres else BareSqlite(bare_url.removeprefix("sqlite:///"))
    gc.collect()
    threshold = gc.get_threshold()
    rest_collector(AMID_ALERTS)
    ours_s, bare_s = list[float](), list[float]()
    try:
        for number in range(_WARM + batches):
            records = batch_of(number)
            with overheard() as sent:
                ours_s.append(await decided_s(store, records))
            began = time.perf_counter()
            await bare.run(sent)
            bare_s.append(time.perf_counter() - began)
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        await bare.close()
        await store.close()
    return _figures(part, ours_s[_WARM:], bare_s[_WARM:])


def _figures(part: str, ours_s: Sequence[float], bare_s: Sequence[float]) -> list[Figure]:
    a_second, bare = BATCH / median(ours_s), BATCH / median(bare_s)
    name = "messages decided with exactly-once effects, one process"
    return [
        Figure(
            part, name, a_second, "/s", least=LEAST_A_SECOND, told=f"bare loop of the same statements: {bare:,.0f}/s"
        ),
        Figure(part, "the same, of the bare loop", a_second / bare, "times", least=LEAST_OF_BARE),
    ]


async def decided_s(store: Store, records: Sequence[Received]) -> float:
    """Read and decide a batch; return how long it took, seconds."""
    began = time.perf_counter()
    handled = await handle(store, [read(one) for one in records])
    took_s = time.perf_counter() - began
    assert len(handled.facts) == len(records), "each message leads to one fact"
    return took_s


def batch_of(number: int, name: Callable[[int], str] = lambda number: _name(number % _SERVICES)) -> list[Received]:
    """Return records as Kafka has them: alerts of another release than any that has users, which are noted."""
    return [_alert(name(place), place) for place in range(number * BATCH, (number + 1) * BATCH)]


def _alert(service: str, number: int) -> Received:
    data = {
        "fingerprint": f"f{number:x}",
        "alertname": "SpeechErrors",
        "status": "firing",
        "labels": {"severity": "critical", "service": service, "release": "9.9.9"},
        "starts_at": "2026-03-03T03:00:00Z",
        "received_at_ms": number,
        "release": "9.9.9",
    }
    return record(MessageType.ALERT, f"alert-{number}", FAR_MS + number, data, service)


FAR_MS: Final = 1_800_000_000_000
"""Behind every fact of the stores that are filled for this, milliseconds since 1970."""


def _name(number: int) -> str:
    return f"voice-{number:04d}"
