"""The whole history is asked by filters: every answer is what a look at each single fact would give, page by page."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Executable, Select, insert, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from controller.core.errors import Malformed
from controller.handle import handle
from controller.journal import Store, views
from controller.journal.search import START, Place, Search, asking, fact_at, found, page, place_of
from controller.journal.tables import releases
from controller.wire.messages import MessageType
from tests.journal.messages import SERVICE, alert, message, ordered, ready, release, requested, rolling
from tests.journal.test_measured import measured, watched
from tests.journal.test_replay import eventful

Told = Callable[[views.Recorded], bool]


@pytest.fixture
async def lived(store: Store) -> Store:
    """A store with two services that lived at the same time, one of them with everything that can happen."""
    await handle(
        store, [*eventful(), *rolling("1.5.0", 10_000, "other-voice"), alert("1.5.0", 12_500, "", "other-voice")]
    )
    return store


async def every(store: Store) -> list[views.Recorded]:
    """Return all facts in the order of time, stream, position, sorted here."""
    facts = [one async for one in views.recorded(store)]
    return sorted(facts, key=lambda one: (one.occurred_at, one.stream, one.position))


def names(*names: str) -> Told:
    """
    Say of a fact whether its body has one of these texts, whatever it says there.

    A router's list of all releases that it may still speak with is about none of them.
    """
    return lambda one: one.type != "RouteApplied" and any(f'"{name}"' in one.body for name in names)


QUESTIONS: list[tuple[Search, Told]] = [
    (Search(), lambda one: True),
    (Search(service=SERVICE), lambda one: one.stream == SERVICE),
    (Search(service="nobody"), lambda one: False),
    (Search(rollout="hibari-2"), lambda one: one.rollout == "hibari-2"),
    (Search(service="other-voice", rollout="hibari-2"), lambda one: False),
    (Search(service=SERVICE, rollout="hibari-2"), lambda one: one.rollout == "hibari-2"),
    (Search(actor="lena"), lambda one: one.actor == "lena"),
    (
        Search(types=("RolloutAborted", "PromotionReverted")),
        lambda one: one.type in ("RolloutAborted", "PromotionReverted"),
    ),
    (Search(since_ms=14_000), lambda one: one.occurred_at >= 14_000),
    (Search(until_ms=14_000), lambda one: one.occurred_at <= 14_000),
    (Search(since_ms=10_000, until_ms=12_500), lambda one: 10_000 <= one.occurred_at <= 12_500),
    (
        Search(service=SERVICE, since_ms=11_000, until_ms=15_000),
        lambda one: one.stream == SERVICE and 11_000 <= one.occurred_at <= 15_000,
    ),
    (
        Search(service=SERVICE, rollout="hibari-2", since_ms=11_001, until_ms=14_999),
        lambda one: one.rollout == "hibari-2" and 11_000 < one.occurred_at < 15_000,
    ),
    (Search(service=SERVICE, since_ms=99_000), lambda one: False),
    (Search(since_ms=-(10**14)), lambda one: True),
    (Search(until_ms=-1), lambda one: False),
    (Search(service=SERVICE, until_ms=-(10**14)), lambda one: False),
    (Search(release="1.6.0"), names("1.6.0", "hibari__1.6.0", release("1.6.0").digest)),
    (
        Search(service=SERVICE, release="1.5.0"),
        lambda one: one.stream == SERVICE and names("1.5.0", "hibari__1.5.0", release("1.5.0").digest)(one),
    ),
    (Search(release="1_5.0"), lambda one: False),
    (
        Search(actor="lena", types=("OrderRefused", "RolloutPaused"), rollout="hibari-2"),
        lambda one: one.type == "RolloutPaused",
    ),
]


@pytest.mark.parametrize(
    ("search", "told"), QUESTIONS, ids=lambda one: str(one)[:60] if isinstance(one, Search) else ""
)
async def test_an_answer_is_what_a_look_at_each_fact_gives(lived: Store, search: Search, told: Told) -> None:
    """Each filter, and several together, finds exactly the facts that it means, in the order of time."""
    assert [one async for one in found(lived, search)] == [one for one in await every(lived) if told(one)]


@pytest.mark.parametrize(
    "search", [Search(), Search(service=SERVICE), Search(release="1.5.0"), Search(rollout="hibari-2")]
)
@pytest.mark.parametrize("size", [1, 3])
async def test_pages_side_by_side_give_each_fact_once(lived: Store, search: Search, size: int) -> None:
    """Going on after the last fact of a page misses none and doubles none, though many happened at one time."""
    whole = await page(lived, search, limit=1000)
    seen: list[views.Recorded] = []
    while more := await page(lived, search, place_of(seen[-1]) if seen else START, size):
        seen += more
    assert seen == whole != []
    assert [one async for one in found(lived, search, limit=size)] == whole[:size]


async def test_what_happens_while_pages_are_read_comes_at_their_end(lived: Store) -> None:
    """A place names a fact, not a number of facts: new ones shift nothing."""
    first = await page(lived, Search(), limit=5)
    rest = await page(lived, Search(), place_of(first[-1]), 1000)
    await handle(lived, [requested("1.7.0", 90_000)])
    after = await page(lived, Search(), place_of(first[-1]), 1000)
    assert after[: len(rest)] == rest
    assert [one.type for one in after[len(rest) :]] == ["RolloutStarted"]


async def test_more_than_a_page_of_facts_is_found_whole(lived: Store) -> None:
    """However many there are, they come one after the other."""
    for start in range(0, 1200, 200):
        alerts = [alert("9.9.9", 60_000 + number // 7, id=str(number)) for number in range(start, start + 200)]
        await handle(lived, alerts)
    assert len([one async for one in found(lived, Search(types=("AlertNoted",)))]) == 1200
    assert len([one async for one in found(lived, Search(service=SERVICE, since_ms=60_100))]) == 1200 - 700


async def test_facts_that_name_a_release_by_its_ensemble_or_digest_are_about_it(lived: Store) -> None:
    """A release that failed is named by its ensemble, a lifted quarantine by its digest; both are found by version."""
    failed = {"ensemble": release("1.5.0").ensemble, "reason": "it is mute", "unknown": False}
    await handle(
        lived,
        [
            ordered(MessageType.OVERRIDE, 30_000, "other-voice", digest=release("1.5.0").digest),
            requested("1.5.0", 31_000, service="other-voice"),
            message(MessageType.FAILED, "failed", 32_000, failed, "other-voice"),
        ],
    )
    search = Search(service="other-voice", release="1.5.0", since_ms=30_000)
    types = [one.type async for one in found(lived, search)]
    assert {"QuarantineLifted", "RolloutStarted", "ReleaseFailed", "RolloutAborted"} <= set(types)


async def test_a_release_is_found_though_many_services_have_one_of_its_version(lived: Store) -> None:
    """A fact is compared with the names that its own service's release has, not with those of a thousand others'."""
    some = (await lived.rows(select(releases).where(releases.c.version == "1.6.0"), {}))[0]._mapping

    def others(connection: Connection) -> None:
        named = [{"service": f"voice-{number}", "ensemble": f"voice-{number}__r"} for number in range(1000)]
        connection.execute(insert(releases), [{**some, **one} for one in named])

    before = await page(lived, Search(release="1.6.0"), limit=1000)
    await lived.write(others)
    assert await page(lived, Search(release="1.6.0"), limit=1000) == before != []


async def test_windows_are_told_to_whom_asks_for_them(store: Store) -> None:
    """Measurements are left out unless they, or their type, are asked for."""
    await handle(store, [*watched(), *(measured(number) for number in range(1, 4))])

    async def windows(search: Search) -> int:
        return len([one async for one in found(store, search) if one.type == "WindowMeasured"])

    assert await windows(Search()) == 0
    assert await windows(Search(measurements=True)) == await windows(Search(types=("WindowMeasured",))) == 3


@pytest.mark.parametrize("over", [False, True])
async def test_windows_of_one_rollout_are_told_with_its_facts_page_by_page(store: Store, over: bool) -> None:
    """All that was measured of a rollout, whether it still runs or another has begun, and nothing of the other."""
    await handle(store, [*watched(), *(measured(number) for number in range(1, 4))])
    if over:
        await handle(store, [requested("1.6.0", 70_000), ready("1.6.0", 71_000)])
    search = Search(rollout="hibari-2", measurements=True)
    expected = [one for one in await every_of(store, SERVICE) if one.rollout == "hibari-2"]
    seen: list[views.Recorded] = []
    while more := await page(store, search, place_of(seen[-1]) if seen else START, 2):
        seen += more
    assert seen == expected
    assert [one.type for one in seen].count("WindowMeasured") == 3
    assert [one.type for one in seen].count("RolloutSuperseded") == over
    assert await page(store, replace(search, service="other-voice")) == []
    assert await page(store, replace(search, rollout="hibari-9")) == []


async def test_one_fact_is_found_by_its_place(lived: Store) -> None:
    """Service and position name a fact, or none."""
    one = await fact_at(lived, SERVICE, 3)
    assert one == (await every_of(lived, SERVICE))[2]
    assert await fact_at(lived, SERVICE, 10_000) is None


async def every_of(store: Store, service: str) -> list[views.Recorded]:
    """Return one service's facts, oldest first."""
    return [one async for one in views.recorded(store, service)]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"types": ("RolloutAbort",)}, "type is 'RolloutAbort'; allowed: AlertMatched, AlertNoted"),
        ({"actor": "le\0na"}, "actor is .*; allowed: text without the character"),
        ({"release": "\udcff"}, "release is .*; allowed: text without lone surrogates"),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(asked: dict[str, object], sentence: str) -> None:
    """A kind of fact that there is not is told with those that there are, and no odd text comes to the database."""
    with pytest.raises(Malformed, match=sentence):
        Search(**asked)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("search", "sqlite"),
    [
        (Search(service=SERVICE, since_ms=12_000), "stream=? AND position>? AND position<?"),
        (Search(rollout="hibari-2"), "(rollout=?)"),
        (Search(service=SERVICE, rollout="hibari-2"), "(rollout=?)"),
        (Search(rollout="hibari-2", measurements=True), "stream=? AND position>? AND position<?"),
        (Search(since_ms=12_000), "journal_told_at (occurred_at>? AND occurred_at<?)"),
        (Search(since_ms=12_000, measurements=True), "journal_occurred_at (occurred_at>? AND occurred_at<?)"),
        (Search(release="1.5.0"), "journal_told_at (occurred_at>? AND occurred_at<?)"),
        (Search(actor="lena"), "journal_actor_at (actor=? AND occurred_at>? AND occurred_at<?)"),
        (Search(types=("RolloutAborted",)), "journal_type_at (type=? AND occurred_at>? AND occurred_at<?)"),
        (Search(types=("RolloutAborted", "RouteSet")), "journal_type_at (type=? AND occurred_at>? AND occurred_at<?)"),
    ],
)
async def test_every_question_goes_down_an_index(lived: Store, kind: str, search: Search, sqlite: str) -> None:
    """No question walks the whole table, and none by person, kind or time walks windows of measurements."""

    def plan(connection: Connection) -> str:
        if kind == "postgresql":
            # Of a few rows all are walked gladly; so, only where there is no other way.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        asked = asking(connection, replace(search, until_ms=50_000), Place(11_000, SERVICE, 5), 10)
        return "\n".join(str(row) for row in connection.execute(Explained(asked)))

    told = await lived.read(plan)
    assert (sqlite if kind == "sqlite" else "Index Cond") in told
    assert "SCAN journal" not in told
    assert "Seq Scan on journal" not in told


class Explained(Executable, ClauseElement):
    """How the store would answer a statement, given the values that it is given when it is asked."""

    inherit_cache = False

    def __init__(self, asked: Select[Any]) -> None:
        self.asked = asked


@compiles(Explained)
def _explained(element: Explained, compiler: SQLCompiler, **more: Any) -> str:
    verb = "EXPLAIN" if compiler.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    return f"{verb} {compiler.process(element.asked, **more)}"
