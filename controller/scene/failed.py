"""Which requests failed, asked of every gateway that served: when, how and where, never what was said or by whom."""

import asyncio
from typing import Final

from controller.core.errors import Broken, SegueError
from controller.outside.gateways import Failures, Gateways
from controller.outside.series import Prometheus
from controller.scene.draft import Draft
from controller.wire.shape import plain
from controller.wire.strict import canonical

_TIMEOUT_S: Final = 5.0
_WHAT: Final = "failed requests"
_DISCOVERED: Final = "prometheus"
"""Named in place of an address: whatever Prometheus reads may be asked, too, and so gets the token."""


async def where_gateways_are(
    named: tuple[str, ...], prometheus: Prometheus | None, service: str, from_ms: int, until_ms: int
) -> tuple[str, ...]:
    """
    Return the addresses of gateways that may have a token: those named, and where "prometheus" is among them, besides
    those that Prometheus read in a range for a service.

    Raises SegueError when Prometheus is to say and does not.
    """
    known = {one for one in named if one != _DISCOVERED}
    if _DISCOVERED not in named:
        return tuple(sorted(known))
    if prometheus is None:
        raise Broken(f"SEGUE_SCENE_GATEWAYS is {_DISCOVERED}, and SEGUE_PROMETHEUS is empty: set it")
    # By whatever address Prometheus reads a gateway, it answers there; one that has ended since is asked in vain.
    asked = f'last_over_time(segue_routing_epoch{{service="{service}"}}[{until_ms - from_ms}ms])'
    found = await prometheus.vector(asked, until_ms, timeout_s=_TIMEOUT_S)
    return tuple(sorted(known | {one.labels["instance"] for one in found if "instance" in one.labels}))


async def keep_failures(
    draft: Draft,
    gateways: Gateways | None,
    addresses: tuple[str, ...],
    service: str,
    releases: tuple[str, ...],
    range_ms: tuple[int, int],
) -> None:
    """Write what the gateways still have of these releases' failures in a range, in the order of time."""
    if gateways is None:
        why = "no token of the role viewer is set here, and none that may more is sent: add one to SEGUE_TOKENS"
        return draft.lacks(_WHAT, why)
    if not addresses:
        return draft.lacks(_WHAT, "nobody says where the gateways are: name them in SEGUE_SCENE_GATEWAYS")
    asked = [(address, release) for address in addresses for release in releases]
    answers = await asyncio.gather(
        *(gateways.failures(address, service, release, timeout_s=_TIMEOUT_S) for address, release in asked),
        return_exceptions=True,
    )
    lines: list[tuple[int, str]] = []
    for (address, release), came in zip(asked, answers, strict=True):
        if isinstance(came, SegueError):
            draft.lacks(f"{_WHAT} of {release} at {address}", str(came))
        elif isinstance(came, BaseException):
            raise came
        else:
            if came.failed > len(came.failures):
                more = came.failed - len(came.failures)
                draft.lacks(f"{_WHAT} of {release} at {address}", f"{more} earlier ones: a gateway keeps the last ones")
            lines += _lines(address, came, *range_ms)
    with draft.file("failures.jsonl", "attempts that failed, without what was said or by whom") as written:
        for _, line in sorted(lines):
            written.line(line)
    return None


def _lines(address: str, came: Failures, from_ms: int, until_ms: int) -> list[tuple[int, str]]:
    kept = [one for one in came.failures if from_ms <= one.at_ms <= until_ms]
    fields = [(one.at_ms, plain(one)) for one in kept]
    return [(at_ms, canonical({"gateway": address, **body})) for at_ms, body in fields if isinstance(body, dict)]
