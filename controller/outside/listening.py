"""
Waiting for a Kafka that begins after us, as it may under `segue up` and in a cluster.

Its clients do not wait: they fail at once, and complain of it. To knock costs a tenth of a client that is made in vain,
so it can be done often, and what begins with Kafka loses no time.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from controller.brokers import Kafka, brokers

_KNOCK_EVERY_S: Final = 0.05
_KNOCK_S: Final = 3.0


async def until_listening(kafka: Kafka, told: Callable[[str], None]) -> None:
    """
    Return once somebody listens at one of the addresses; who it is, and whether we are let in, is not asked.

    told: hears why nobody does, when that is news.
    """
    addresses, news = brokers(kafka).addresses.split(","), ""
    while why := await _why_nobody(addresses):
        if why != news:
            told(why)
        news = why
        await asyncio.sleep(_KNOCK_EVERY_S)


async def _why_nobody(addresses: list[str]) -> str:
    why = ""
    for address in addresses:
        host, _, port = address.strip().rpartition(":")
        try:
            async with asyncio.timeout(_KNOCK_S):
                _, opened = await asyncio.open_connection(host.strip("[]"), int(port))
        except (OSError, ValueError) as error:
            why = str(error) or f"nobody within {_KNOCK_S:g} s"
        else:
            opened.close()
            with suppress(OSError):
                await opened.wait_closed()
            return ""
    return why
