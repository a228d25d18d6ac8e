"""What services want loaded, and have loaded, asked again and again."""

from sqlalchemy import update

from controller.handle import handle
from controller.journal import Store, tables
from controller.journal.loading import Loaded, Loading, Loadings, Wanted
from controller.wire.messages import MessageType
from tests.journal.messages import SERVICE, alert, installed, message, ordered, ready, release, requested, rolling

OTHER = "other"


async def test_releases_that_must_be_loaded_follow_from_the_facts(store: Store) -> None:
    """Stable and candidate are wanted, each with the rollout that needs it; one taken back is only loaded still."""
    loadings = Loadings(store)
    assert await loadings.look() == Loading((), ())
    await handle(store, [*installed(), *rolling()])
    stable, candidate = release("1.4.0"), release("1.5.0")
    loaded = (Loaded(SERVICE, stable), Loaded(SERVICE, candidate))
    assert await loadings.look() == Loading(
        (Wanted(SERVICE, "", stable, (), ready=True), Wanted(SERVICE, "hibari-2", candidate, (), ready=True)), loaded
    )
    await handle(store, [alert("1.5.0", 20_000)])
    assert await loadings.look() == Loading((Wanted(SERVICE, "", stable, (), ready=True),), loaded)


async def test_looking_again_is_looking_anew(store: Store) -> None:
    """After whatever message, who has looked before sees what somebody sees who never did."""
    loadings = Loadings(store)
    unloaded = {"ensemble": release("1.5.0").ensemble, "reason": "nobody heard it any more"}
    for one in (
        *installed(OTHER),
        *installed(),
        requested("1.5.0", 10_000),
        ready("1.5.0", 11_000),
        ordered(MessageType.PROMOTE, 12_000),
        alert("1.5.0", 13_000),
        message(MessageType.UNLOADED, "unloaded", 14_000, unloaded),
        *rolling("1.6.0", 20_000, OTHER),
        ordered(MessageType.RETIRE, 30_000),
    ):
        await handle(store, [one])
        assert await loadings.look() == await Loadings(store).look()


async def test_many_services_that_moved_are_seen_as_one_is(store: Store) -> None:
    """However many services got facts since the last look, all of them are seen, by name."""
    loadings, names = Loadings(store), [f"voice-{number:03d}" for number in range(320)]
    await handle(store, [one for name in names for one in installed(name)])
    seen = await loadings.look()
    assert [want.service for want in seen.wanted] == names
    assert [one.service for one in seen.loaded] == names
    await handle(store, rolling(service=names[7]))
    assert await loadings.look() == await Loadings(store).look()


async def test_a_service_without_news_is_read_again_after_a_minute_only(store: Store) -> None:
    """What was read counts while no facts come, and for a minute: tables may have been mended by hand meanwhile."""
    now_s = 0.0
    await handle(store, [*installed(), *installed(OTHER)])
    loadings = Loadings(store, lambda: now_s)
    before = await loadings.look()
    other = update(tables.services).where(tables.services.c.service == OTHER)
    await store.write(lambda connection: connection.execute(other.values(state='{"service":"other"}')))
    now_s = 59.0
    assert await loadings.look() == before
    now_s = 60.0
    assert [want.service for want in (await loadings.look()).wanted] == [SERVICE]
