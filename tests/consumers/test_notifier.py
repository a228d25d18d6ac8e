"""What people are told, in which words, and that nobody waits for it."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from consumers.telling import notice
from controller.core.errors import Broken, Unavailable
from controller.core.routing import Role
from controller.core.stream import Fact, begin, fold, react
from controller.handle import handle
from controller.journal import Store
from controller.outside.notifiers import Notice, Webhook
from controller.parts.ports import free_port
from controller.wire.inbound import Input
from tests.consumers.world import DECIDERS, World
from tests.journal.messages import alert, installed, requested, rolling


def story(*messages: Input) -> list[Fact]:
    """Decide messages one after another and return all facts."""
    history, facts = begin("hibari"), list[Fact]()
    for message in messages:
        new = react(history, message.command, message.id, message.sent_ms)
        history, facts = fold(history, new), [*facts, *new]
    return facts


def test_rollback_reads_as_a_story() -> None:
    """An installation, a rollout and its rollback are told in sentences that say what moved, by whom, and why."""
    facts = story(*installed(), *rolling(), alert("1.5.0", 20_000), requested("1.5.0", 30_000))
    told = [said for said in map(notice, facts) if said]
    assert [said.text for said in told] == [
        "hibari: release 1.4.0 is being installed as its first. By ci: nightly.",
        "hibari: release 1.4.0 serves all traffic. By tests/hibari: it is the first release of the service and its "
        "probe spoke.",
        "hibari: release 1.5.0 starts to roll out; stable is 1.4.0. By ci: nightly.",
        "hibari: the candidate now gets 5 % of the traffic. By tests/hibari: the release is loaded and its probe "
        "spoke.",
        "hibari: release 1.5.0 was taken back from 5 % of the traffic; all of it goes to 1.4.0. By tests/hibari: "
        "alert SpeechErrors fired for 1.5.0.",
        "hibari: release 1.5.0 is quarantined; only an override lets it return. By tests/hibari: alert SpeechErrors "
        "fired for 1.5.0.",
        "hibari: the request to roll out 1.5.0 was refused. By ci: release 1.5.0 "
        f"({rolling()[0].command.release.digest[:19]}) was taken back and is quarantined; "  # type: ignore[union-attr]
        "`segue rollout override hibari --release 1.5.0 --reason ...` lets it return.",
    ]
    assert [said.urgent for said in told] == [False, False, False, False, True, False, True]
    assert told[4].rollout == "hibari-2"


@dataclass
class Hook:
    """A webhook's other side: what it got, and what it answers."""

    url: str = ""
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """A real HTTP server that takes notices."""
    hook = Hook()

    async def take(request: web.Request) -> web.Response:
        hook.got.append(await request.json())
        return web.Response(status=hook.status)

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/notify")

    application = web.Application()
    application.router.add_post("/moved", moved)
    application.router.add_post("/notify", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/notify"
    yield hook
    await runner.cleanup()


def now_ms() -> int:
    """The time, for facts that are news."""
    return time.time_ns() // 1_000_000


async def test_webhook_is_told_what_happened(world: World, store: Store, hook: Hook) -> None:
    """Each notice is posted once, with its text and the fact it is about."""
    told = replace(world, settings=replace(world.settings, notify_webhook=hook.url))
    async with told.hosting(store, "relay", "notifier"):
        await handle(store, [replace(message, sent_ms=now_ms()) for message in installed()])

        async def two() -> bool:
            return len(hook.got) == 2

        await world.until("two notices", two)
    assert [one["id"] for one in hook.got] == ["hibari/1", "hibari/3"]
    assert hook.got[1]["text"].startswith("hibari: release 1.4.0 serves all traffic.")


async def test_failing_webhook_holds_nothing_up(world: World, store: Store, hook: Hook) -> None:
    """While the webhook answers 503 a rollback goes its way, and the notifier goes on to the next notice."""
    hook.status = 503
    told = replace(world, settings=replace(world.settings, notify_webhook=hook.url))
    async with told.hosting(store, *DECIDERS, "notifier"):
        await handle(store, [replace(one, sent_ms=now_ms()) for one in (*installed(), *rolling())])
        began = time.monotonic()
        await world.publish(alert("1.5.0").record)
        await world.until_told("hibari", "RouteSet", "ReleaseQuarantined")
        assert time.monotonic() - began < 5
        table = await world.table("hibari")
        assert table is not None
        assert table.arm(Role.CANDIDATE) is None

        async def gave_up() -> bool:
            return {one["id"] for one in hook.got} >= {"hibari/1", "hibari/3"}

        await world.until("a second notice", gave_up)


async def test_webhook_that_is_away_may_work_later(hook: Hook) -> None:
    """Nobody listens, or too many ask."""
    the_notice = Notice("hibari/1", "text", "hibari", "r-1", "ci", "", urgent=False, at_ms=1)
    hook.status = 429
    for url in (hook.url, f"http://127.0.0.1:{free_port()}"):
        async with Webhook(url) as webhook:
            with pytest.raises(Unavailable):
                await webhook.post(the_notice)


async def test_webhook_that_sends_elsewhere_was_not_told(hook: Hook) -> None:
    """Who answers with another address is not followed there: nobody named it, and mostly the notice stays behind."""
    the_notice = Notice("hibari/1", "text", "hibari", "r-1", "ci", "", urgent=False, at_ms=1)
    async with Webhook(hook.url.replace("/notify", "/moved")) as webhook:
        with pytest.raises(Broken, match="answered 307; see SEGUE_NOTIFY_WEBHOOK"):
            await webhook.post(the_notice)
    assert hook.got == []
