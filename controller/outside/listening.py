"""
Waiting for a Kafka that begins after us, as it may under `segue up` and in a cluster.

Its clients do not wait: they fail at once, and complain of it. To knock costs a tenth of a client that is made in vain,
so it can be done often at first, and what begins with Kafka loses no time.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from controller.brokers import Kafka, brokers, place

_KNOCK_EVERY_S: Final = 0.05
# What was not there for so long, nobody starts just now; and many knock, each of whom asks a cluster's DNS for the name
# with all suffixes that there are.
_SOON_S: Final = 10.0
_KNOCK_LATER_S: Final = 0.5
_KNOCK_S: Final = 3.0
_TELL_EVERY_S: Final = 5.0


async def until_listening(kafka: Kafka, told: Callable[[str], None]) -> None:
    """
    Return once somebody listens at one of the addresses; who it is, and whether we are let in, is not asked.

    told: hears why nobody does, when that is news, and every five seconds at most: a name of several machines may give
    them in another order each time, and so another reason.
    """
    whys, news = dict[str, str](), ""
    # At all of them at once: one that answers nothing must not hold up another that does.
    knocking = [
        asyncio.create_task(_until_one_listens(address, whys)) for address in set(brokers(kafka).addresses.split(","))
    ]
    try:
        while True:
            every_s = _TELL_EVERY_S if news else _KNOCK_EVERY_S
            done, _ = await asyncio.wait(knocking, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
            if done:
                done.pop().result()
                return
            why = "; ".join(whys.values())
            if len(whys) == len(knocking) and why != news:
                told(why)
                news = why
    finally:
        for one in knocking:
            one.cancel()
        await asyncio.gather(*knocking, return_exceptions=True)


async def _until_one_listens(address: str, whys: dict[str, str]) -> None:
    began_s = time.monotonic()
    while why := await _why_nobody(address):
        whys[address] = why
        await asyncio.sleep(_KNOCK_EVERY_S if time.monotonic() - began_s < _SOON_S else _KNOCK_LATER_S)


async def _why_nobody(address: str) -> str:
    try:
        async with asyncio.timeout(_KNOCK_S):
            _, opened = await asyncio.open_connection(*place(address))
    except (OSError, ValueError) as error:
        return str(error) or f"{address} does not answer within {_KNOCK_S:g} s"
    opened.close()
    with suppress(OSError):
        await opened.wait_closed()
    return ""
