"""Waiting for a Kafka of several addresses, of which some, or all, do not answer."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from controller.brokers import place
from controller.outside import listening
from controller.outside.listening import until_listening
from controller.parts.ports import LOOPBACK, free_port


@contextmanager
def swallowing() -> Iterator[str]:
    """Give an address at which whoever connects hears nothing at all: its queue is full."""
    with ExitStack() as open, socket.create_server((LOOPBACK, 0), backlog=0) as server:
        for _ in range(4):
            waiting = open.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"{LOOPBACK}:{server.getsockname()[1]}"


async def test_an_address_that_answers_nothing_holds_up_no_other() -> None:
    """A broker that is there is found at once, whatever the one that is named before it does."""
    told: list[str] = []
    with swallowing() as lost, socket.create_server((LOOPBACK, 0)) as there:
        async with asyncio.timeout(1):
            await until_listening(f"{lost},{LOOPBACK}:{there.getsockname()[1]}", told.append)
    assert told == []


async def test_a_reason_in_another_order_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of several machines, which it gives in another order each time, does not fill the log."""
    machines = deque(["127.0.0.1", "127.0.0.2"])

    async def resolved(_host: str, port: int, **_asked: Any) -> list[Any]:
        machines.rotate()
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, port)) for one in machines]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    told: list[str] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await until_listening(f"kafka.example:{free_port()}", told.append)
    assert len(told) == 1


async def test_who_was_away_for_long_is_asked_for_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """An absence of minutes is no flood of questions for whoever knows the names of a cluster."""
    asked: list[str] = []

    async def resolved(host: str, port: int, **_asked: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (LOOPBACK, port))]

    monkeypatch.setattr(listening, "_SOON_S", 0.0)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await until_listening(f"kafka.example:{free_port()}", lambda why: None)
    assert asked == ["kafka.example"]


@pytest.mark.parametrize("address", ["127.0.0.1:70000", "127.0.0.1:kafka"])
async def test_an_address_that_is_none_is_told(address: str) -> None:
    """Whoever waits at it for ever says why, and does not end."""
    told = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(until_listening(address, told.set_result))
    done, _ = await asyncio.wait((waiting, told), return_when=asyncio.FIRST_COMPLETED)
    assert done == {told}
    waiting.cancel()


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("kafka:9192", "kafka", 9192),
        (" kafka ", "kafka", 9092),
        ("[::1]:9192", "::1", 9192),
        ("[::1]", "::1", 9092),
        ("::1", "::1", 9092),
    ],
)
def test_a_port_may_be_left_out(address: str, host: str, port: int) -> None:
    """Clients take the usual one then, and so does whoever knocks before them."""
    assert place(address) == (host, port)
