"""What follows from the facts is compared with them, row by row: one changed word is found, in whichever table."""

from fnmatch import fnmatch

import pytest

from controller.handle import handle
from controller.journal import Store
from controller.journal.derived import DERIVED
from controller.journal.rebuild import unheard
from controller.proof.rows import verify_rows
from tests.journal.audited import day
from tests.journal.conftest import Opened
from tests.journal.messages import applied, installed
from tests.journal.tampering import UNLOCKED, say
from tests.journal.test_rebuild import deciding, filled

LATE = "timestamptz '2020-01-01T00:00:00Z'"


async def differing(store: Store) -> list[tuple[str, str, str]]:
    """Return table, row and column of each value that is not what the facts give."""
    return [(one.table, one.key, one.column) for one in (await verify_rows(store, unheard)).differing]


async def tamper(store: Store, kind: str, statement: str) -> None:
    """Change something past every guard."""
    await say(store, *UNLOCKED[kind], statement.replace(LATE, LATE if kind == "postgresql" else LATE.split()[1]))


CHANGED = {
    "UPDATE services SET stable = '9.9.9' WHERE service = 'hibari'": ("services", "hibari", "stable"),
    "UPDATE services SET state = replace(state, '1.5.0', '1.5.1') WHERE service = 'hibari'": (
        "services",
        "hibari",
        "state",
    ),
    "UPDATE rollouts SET started_by = 'nobody' WHERE rollout = 'hibari-2'": ("rollouts", "hibari-2", "started_by"),
    "UPDATE rollouts SET \"trigger\" = NULL WHERE rollout = 'hibari-3'": ("rollouts", "hibari-3", "trigger"),
    "UPDATE steps SET weight_bp = 400 WHERE rollout = 'hibari-2'": ("steps", "hibari-2/*", "weight_bp"),
    "UPDATE routes SET set_because = 'all is well' WHERE epoch = 3": ("routes", "hibari/3", "set_because"),
    "UPDATE releases SET quarantined_at = NULL WHERE version = '1.5.0'": ("releases", "hibari/*", "quarantined_at"),
    "UPDATE verdicts SET guilty = '[]' WHERE outcome = 'fail'": ("verdicts", "hibari/*", "guilty"),
    "UPDATE routers SET epoch = 1 WHERE router = 'gateway@c'": ("routers", "hibari/gateway@c", "epoch"),
    "UPDATE applied SET joined = NOT joined WHERE router = 'gateway@c'": ("applied", "hibari/6/gateway@c", "joined"),
    "UPDATE timers SET due_ms = due_ms + 1": ("timers", "hibari/*", "due_ms"),
    f"UPDATE timers SET fired_at = {LATE}": ("timers", "hibari/*", "fired_at"),
    "DELETE FROM routes WHERE epoch = 2": ("routes", "hibari/2", ""),
    "INSERT INTO applied SELECT service, epoch, 'gateway@x', applied_at, joined FROM applied "
    "WHERE router = 'gateway@c'": ("applied", "hibari/6/gateway@x", ""),
    "UPDATE inbox SET id = 'f00d-fired' WHERE id = 'f00d-firing'": ("inbox", "tests/hibari f00d-fired", "id"),
    "UPDATE inbox SET facts = 0 WHERE id = 'f00d-firing'": ("inbox", "*", "position"),
    "DELETE FROM inbox WHERE id = 'ready-1.8.0'": ("inbox", "*", "position"),
    "DELETE FROM inbox WHERE service = 'suzume'": ("inbox", "suzume", ""),
    f"UPDATE inbox SET decided_at = {LATE} WHERE id = 'f00d-firing'": (
        "inbox",
        "tests/hibari f00d-firing",
        "decided_at",
    ),
    f"UPDATE journal SET recorded_at = {LATE} WHERE id = 'hibari/31'": ("journal", "hibari/31", "recorded_at"),
}


@pytest.fixture
async def lived(store: Store) -> Store:
    """A store that decided the day of `audited`."""
    await handle(store, list(day()))
    return store


@pytest.mark.parametrize("statement", CHANGED)
async def test_one_changed_word_is_found(lived: Store, kind: str, statement: str) -> None:
    """Table, row and column are named, whichever of them somebody changed."""
    table, key, column = CHANGED[statement]
    await tamper(lived, kind, statement)
    found = await differing(lived)
    assert [one for one in found if one[0] == table and fnmatch(one[1], key) and one[2] == column], found
    assert {one[0] for one in found} <= {table, "inbox"}


def test_every_derived_table_is_among_them() -> None:
    """A table that is made from the facts and never compared would be proven by nothing."""
    assert {table.name for table in DERIVED} <= {table for table, _, _ in CHANGED.values()}


async def test_a_living_store_is_right(store: Store, url: str, opened: Opened) -> None:
    """Nothing is reported of a store that decides on, and nobody waits for it."""
    await filled(store)
    other = await opened(url)
    async with deciding(store) as decided:
        before = len(decided)
        assert await differing(other) == []
        during = len(decided)
    assert during > before


async def test_a_timer_that_fired_is_right(store: Store) -> None:
    """When a timer fired, a machine knows and no fact."""
    await handle(store, [*installed(), applied(1, 2_500)])
    await store.fire_due(10**15)
    assert await differing(store) == []
