"""What a gateway says of a Kafka that it cannot use: each reason once, the second one, too."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import pytest

from controller.gateway.follow import Follower
from controller.gateway.metrics import Metrics
from controller.gateway.report import Reporter
from controller.gateway.tables import Tables
from controller.parts.ports import free_port


class Runs(Protocol):
    """Whoever connects for ever."""

    async def run(self) -> None:
        """Run until cancelled."""
        ...


def follower(kafka: str) -> Runs:
    """Who reads tables."""
    return Follower(kafka, "", Tables(Metrics(), (), None), lambda _table, _at_ms: None)


def reporter(kafka: str) -> Runs:
    """Who tells what is applied."""
    return Reporter(kafka, "", "gateway-1")


@pytest.mark.parametrize("who", [follower, reporter])
async def test_who_was_refused_first_is_told_later_why_it_is_not_let_in(
    who: Callable[[str], Runs], caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody listens, which is said once; then somebody does who is no Kafka for us, which is said once as well."""
    port = free_port()

    def told() -> list[str]:
        return [str(getattr(one, "fault", "")) for one in caplog.records if one.levelno == logging.WARNING]

    async def until_told(number: int) -> None:
        async with asyncio.timeout(10):
            while len(told()) < number:  # noqa: ASYNC110  # a log has no event
                await asyncio.sleep(0.02)

    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    running = asyncio.create_task(who(f"127.0.0.1:{port}").run())
    try:
        await until_told(1)
        async with await asyncio.start_server(hang_up, "127.0.0.1", port):
            await until_told(2)
            await asyncio.sleep(1)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    refused, turned_away = told()
    assert "refused" in refused.lower() or "connect" in refused.lower()
    assert "see whether it runs there and speaks PLAINTEXT" in turned_away
