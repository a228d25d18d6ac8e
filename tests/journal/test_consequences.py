"""Whoever sent a message is told what it led to, or that nobody has decided it."""

from controller.handle import handle
from controller.journal import Store, views
from controller.journal.consequences import consequences
from tests.journal.messages import SERVICE, alert, installed, requested, rolling


async def test_what_a_message_led_to_is_found(store: Store) -> None:
    """All facts of that message, and no other's; asking for the release that is stable changes nothing."""
    fired, again = alert("1.5.0", 15_000), requested("1.4.0", 16_000)
    await handle(store, [*installed(), *rolling(), fired, again])
    led_to = await consequences(store, fired.source, fired.id)
    caused = [one.fact for one in await views.history(store, SERVICE, 0, 1000) if one.cause == fired.id]
    assert caused
    assert led_to == tuple(caused)
    assert await consequences(store, again.source, again.id) == ()


async def test_what_nobody_decided_is_no_quiet_message(store: Store) -> None:
    """It is told apart from one that was decided and changed nothing; the id alone does not name a message."""
    fired = alert("1.5.0", 15_000)
    assert await consequences(store, fired.source, fired.id) is None
    await handle(store, [*installed(), *rolling(), fired])
    assert await consequences(store, "zz/another", fired.id) is None
