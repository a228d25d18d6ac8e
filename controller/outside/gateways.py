"""What speech gateways keep of attempts that failed, asked over HTTP; see controller/gateway/failures.py."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from controller.core.errors import Broken, Malformed, Unavailable
from controller.outside.bounded import Bounded
from controller.wire.shape import shaped

_MOST_BYTES: Final = 1024 * 1024
_WHO: Final = "the gateway"


@dataclass(frozen=True, slots=True)
class Failed:
    """
    An attempt that failed, as a gateway tells it; fields of which this version does not know are left out.

    at_ms: milliseconds since 1970. status: how the caller was answered in the end, 0 when nobody was.
    """

    at_ms: int
    release: str
    arm: str
    epoch: int
    segment: str
    endpoint: str
    why: str
    latency_s: float
    characters: int
    status: int


@dataclass(frozen=True, slots=True)
class Failures:
    """Of one release at one gateway. failed: how many since it started; last: those that it still has."""

    failed: int
    failures: tuple[Failed, ...]


class Gateways(Bounded):
    """
    Asks any gateway; `async with` closes the connections.

    token: of the role viewer; without TLS it is sent in clear. The file SSL_CERT_FILE says who may vouch for gateways.
    """

    def __init__(self, token: str) -> None:
        super().__init__(_WHO, most_bytes=_MOST_BYTES, headers={"authorization": f"Bearer {token}"})

    async def failures(self, address: str, service: str, release: str, *, timeout_s: float) -> Failures:
        """
        Return what a gateway keeps of a release. address: host:port, or https://host:port.

        Raises Unavailable when it does not answer in time, Broken when what it answers is no such thing.
        """
        named = {"service": service, "release": release}
        try:
            status, body = await self.fetch(
                "GET", f"{_with_scheme(address)}/failures", params=named, timeout_s=timeout_s
            )
        except Malformed as error:
            raise Broken(f"{address} is no address of a gateway: {error}") from None
        if status >= 500:
            raise Unavailable(f"{_WHO} answers {status}")
        if status != HTTPStatus.OK:
            raise Broken(f"{_WHO} answers {status} to a token of this process")
        try:
            return shaped(Failures, json.loads(body), _WHO)
        except (ValueError, Malformed) as error:
            raise Broken(f"{_WHO} answers what is no list of failures: {error}") from None


def _with_scheme(address: str) -> str:
    return address if address.startswith("https://") else f"http://{address}"
