"""How long answers take: questions of the page, and what `segue history` and `segue report` ask, many times over."""

import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random
from typing import Final

from sqlalchemy import Connection, text

from controller.bench.figures import Figure, percentiles, shown
from controller.bench.history.filling import Tell
from controller.bench.history.life import DAY_MS
from controller.bench.history.questions import Incident, about, incidents, questions
from controller.core.errors import Broken
from controller.journal import Store
from controller.journal.live import live_at
from controller.journal.monthly import report
from controller.journal.search import START, Place, Search, page

RUNS: Final = 60
_PAGE: Final = 100
"""What `/v1/history` gives at once."""

Ask = Callable[[Incident], Awaitable[object]]


async def asked(store: Store, part: str, most_ms: float, runs: int, tell: Tell) -> list[Figure]:
    """Ask each question so many times, each time about something else, and return how long it took."""
    found = await incidents(store, runs, Random(1))  # noqa: S311  # what is asked about, no secret
    if not found:
        raise Broken(f"{store.name} has no rollout that was taken back, so there is nothing to ask: fill it anew")
    # Else every fiftieth thousand of rows has Python look through all that this process ever imported, a tenth of a
    # second which no other client of the store would wait.
    gc.collect()
    gc.freeze()
    figures = []
    for name, ask in _every(store):
        figures.append(await _timed(part, name, ask, found, most_ms))
        tell(f"{part}: {name}: {shown(figures[-1].value)} ms")
    return figures


def _every(store: Store) -> Iterator[tuple[str, Ask]]:
    def in_sql(sql: str) -> Ask:
        async def ask(incident: Incident) -> object:
            words = about(sql, incident)
            # As it is, without bind parameters: an auditor's question is planned each time.
            return await store.read(lambda connection: _rows(connection, words))

        return ask

    for one in questions():
        yield f"{one.number}. {one.told}", in_sql(one.sql)
    for name in _searches(_NOBODY):
        yield f"history {name}", _page(store, name, from_the_start=True)
    yield "history of all services, a page in the middle", _page(store, "of all services", from_the_start=False)
    yield "history --at", lambda one: live_at(store, one.service, one.at_ms)
    yield "report --service", lambda one: report(store, one.service)


def _rows(connection: Connection, sql: str) -> Sequence[object]:
    return connection.execute(text(sql.replace(":", "\\:"))).all()


def _page(store: Store, name: str, *, from_the_start: bool) -> Ask:
    def ask(one: Incident) -> Awaitable[object]:
        after = START if from_the_start else Place(one.at_ms, one.service, 0)
        return page(store, _searches(one)[name], after, _PAGE)

    return ask


_NOBODY: Final = Incident("", "", "", "", "", 0)


def _searches(one: Incident) -> dict[str, Search]:
    day, week = one.at_ms - DAY_MS, one.at_ms - 7 * DAY_MS
    return {
        "of all services": Search(),
        "SERVICE": Search(service=one.service),
        "SERVICE --since --until": Search(service=one.service, since_ms=day, until_ms=one.at_ms),
        "SERVICE --actor": Search(service=one.service, actor=one.person),
        "SERVICE --release": Search(service=one.service, release=one.version),
        "--rollout": Search(rollout=one.rollout),
        "--rollout --measurements": Search(rollout=one.rollout, measurements=True),
        "--since --until": Search(since_ms=week, until_ms=one.at_ms),
        "--actor": Search(actor=one.person),
        "--actor --since": Search(actor=one.person, since_ms=one.at_ms),
        "--type": Search(types=("PromotionReverted",)),
        "--type --type --since": Search(types=("PromotionReverted", "RolloutAborted"), since_ms=one.at_ms),
        "--release --since --until": Search(release=one.version, since_ms=week, until_ms=one.at_ms),
    }


async def _timed(part: str, name: str, ask: Ask, found: Sequence[Incident], most_ms: float) -> Figure:
    took_ms, rows = [], 0
    await ask(found[0])  # the connection is made, and the statement compiled
    for incident in found:
        began = time.perf_counter()
        answer = await ask(incident)
        took_ms.append((time.perf_counter() - began) * 1000)
        rows += len(answer) if isinstance(answer, list) else 1
    p50, p95 = percentiles(took_ms)
    told = f"p50 {p50:.1f} ms, {rows / len(found):.0f} rows"
    return Figure(part, name, p95, "ms p95", most=most_ms, told=told)
