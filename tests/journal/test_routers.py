"""What routers reported last: which table they serve, which releases they may still speak with, and who is behind."""

import random

import pytest

from controller.core.draining import Parting, Router
from controller.handle import handle
from controller.journal import Store, tables, views
from controller.journal.rebuild import rebuild
from controller.wire.messages import MessageType
from tests.journal.conftest import NewUrl, Opened
from tests.journal.messages import SERVICE, applied, drained, ended, installed, ordered, release, rolling
from tests.journal.sight import rows

R4, R5 = release("1.4.0").ensemble, release("1.5.0").ensemble
ROLLED_BACK = [*installed(), *rolling("1.5.0", 10_000), ordered(MessageType.ROLLBACK, 12_000)]
"""Table 1 names 1.4.0, table 2 since 11_000 both, table 3 since 12_000 again 1.4.0 alone."""


async def test_each_router_is_known_by_its_last_word(store: Store) -> None:
    """Per router the latest epoch and what it may speak with; whoever does not say stays unknown."""
    await handle(store, ROLLED_BACK)
    await handle(store, [applied(2, 11_500, "1.4.0", "1.5.0"), applied(2, 11_600, router="gateway@older", told=False)])
    await handle(store, [applied(3, 12_500, "1.4.0", "1.5.0")])
    assert await views.routers(store, SERVICE) == [
        Router("gateway@a", 3, (R4, R5), (R4,), None),
        Router("gateway@older", 2, None, (R4, R5), 12_000),
    ]


async def test_older_word_never_replaces_a_newer_one(store: Store) -> None:
    """A report that comes late, or from a gateway that follows an older table, is in the history and nowhere else."""
    await handle(store, [*ROLLED_BACK, applied(3, 12_500, "1.4.0"), applied(2, 12_600, "1.4.0", "1.5.0")])
    assert await views.routers(store, SERVICE) == [Router("gateway@a", 3, (R4,), (R4,), None)]


async def test_next_run_of_a_router_begins_anew(store: Store) -> None:
    """A gateway that was killed and came back reports its table again, without what it was speaking with before."""
    await handle(store, [*ROLLED_BACK, applied(3, 12_500, "1.4.0", "1.5.0"), applied(3, 13_000, "1.4.0")])
    assert await views.routers(store, SERVICE) == [Router("gateway@a", 3, (R4,), (R4,), None)]


@pytest.mark.parametrize("version", ["1.4.0", "1.5.0", "1.6.0"])
async def test_drained_release_is_taken_out(store: Store, version: str) -> None:
    """Wherever it stands among the others."""
    versions = ["1.4.0", "1.5.0", "1.6.0"]
    await handle(store, [*ROLLED_BACK, applied(3, 12_500, *versions)])
    await handle(store, [drained(version, 3, 13_000)])
    versions.remove(version)
    assert await views.routers(store, SERVICE) == [
        Router("gateway@a", 3, tuple(release(left).ensemble for left in versions), (R4,), None)
    ]
    await handle(store, [drained(left, 3, 14_000) for left in versions])
    assert await views.routers(store, SERVICE) == [Router("gateway@a", 3, (), (R4,), None)]


async def test_drained_counts_for_the_table_it_speaks_of(store: Store) -> None:
    """An older utterance's end says nothing of a release that is routed again, also when both come at once."""
    await handle(store, [*ROLLED_BACK, applied(3, 12_500, "1.4.0", "1.5.0")])
    await handle(store, [applied(4, 13_000, "1.4.0", "1.5.0"), drained("1.5.0", 3, 13_100)])
    again = Router("gateway@a", 4, (R4, R5), (), None)
    assert await views.routers(store, SERVICE) == [again]
    await handle(store, [drained("1.5.0", 4, 14_000), applied(4, 14_100, "1.4.0", "1.5.0")])
    assert await views.routers(store, SERVICE) == [again]


async def test_router_that_ended_is_forgotten_until_it_reports_anew(store: Store) -> None:
    """Also when all comes at once, and when the next run follows an older table than the one before did."""
    await handle(store, [*ROLLED_BACK, applied(3, 12_500, "1.4.0")])
    await handle(store, [ended(13_000)])
    assert await views.routers(store, SERVICE) == []
    await handle(store, [applied(3, 14_000, "1.4.0"), ended(15_000), applied(2, 16_000, "1.4.0", "1.5.0")])
    assert await views.routers(store, SERVICE) == [Router("gateway@a", 2, (R4, R5), (R4, R5), 12_000)]


@pytest.mark.parametrize("seed", range(4))
async def test_batches_do_not_matter(store: Store, kind: str, new_url: NewUrl, opened: Opened, seed: int) -> None:
    """Words of two routers, their ends and late ones among them, come to the same one by one, at once, and rebuilt."""
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    words = list(ROLLED_BACK)
    for at_ms in range(20_000, 20_300, 10):
        router, epoch = chance.choice("ab"), chance.randint(1, 4)
        versions = chance.sample(["1.4.0", "1.5.0", "1.6.0"], chance.randint(0, 3))
        said = applied(epoch, at_ms, *versions, router=router, told=chance.random() < 0.9)
        gone = drained(chance.choice(["1.4.0", "1.5.0"]), epoch, at_ms, router=router)
        words.append(chance.choices([said, gone, ended(at_ms, router=router)], [5, 4, 1])[0])
    for word in words:
        await handle(store, [word])
    other = await opened(await new_url(kind))
    await handle(other, words)
    assert await rows(other, tables.routers) == await rows(store, tables.routers) != []
    await rebuild(other)
    assert await rows(other, tables.routers) == await rows(store, tables.routers)


async def test_services_know_their_routers_apart(store: Store) -> None:
    """One gateway speaks for many services, and says so for each."""
    await handle(store, [*ROLLED_BACK, applied(3, 12_500, "1.4.0"), *installed("other-voice")])
    assert await views.routers(store, "other-voice") == []


async def test_parting_is_the_table_after_the_last_that_named_a_release(store: Store) -> None:
    """It has an epoch and a time; there is none while the newest names it, and none is needed where none ever did."""
    await handle(store, ROLLED_BACK)
    assert await views.parting(store, SERVICE, R5) == Parting(3, 12_000)
    assert await views.parting(store, SERVICE, R4) is None
    assert await views.parting(store, SERVICE, release("1.6.0").ensemble) == Parting(0, 0)
    # No wildcard: an underscore stands for itself.
    assert await views.parting(store, SERVICE, R5.replace("1.5", "1_5")) == Parting(0, 0)
