"""
What Prometheus knows, asked over its HTTP API: raw samples of a range, or one value at one instant.

Every question ends in time: a Prometheus that hangs is as good as none, and says nothing about any release.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from controller.core.errors import Broken, SegueError, Unavailable
from controller.outside.bounded import Bounded

_MOST_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels, name included as `__name__`, and its (milliseconds since 1970, value), ascending."""

    labels: Mapping[str, str]
    samples: tuple[tuple[int, float], ...]


class Prometheus(Bounded):
    """
    One server; `async with` closes its connections.

    Every method raises Unavailable when there is no answer within its time-out, and Broken when the query is wrong.
    """

    def __init__(self, url: str) -> None:
        """url: of the server, such as http://localhost:9090."""
        self._url = f"{url.rstrip('/')}/api/v1/query"
        # Whatever proxy the environment names is for the world outside.
        super().__init__("Prometheus", most_bytes=_MOST_BYTES)

    async def samples(self, selector: str, at_ms: int, back_ms: int, *, timeout_s: float) -> tuple[Series, ...]:
        """Return all samples of some series, as they were scraped, of the back_ms milliseconds up to at_ms."""
        result = await self._query(f"{selector}[{back_ms}ms]", at_ms, timeout_s)
        return tuple(
            Series(one["metric"], tuple((round(float(at_s) * 1000), float(value)) for at_s, value in one["values"]))
            for one in _of_type(result, "matrix")
        )

    async def vector(self, query: str, at_ms: int, *, timeout_s: float) -> tuple[Series, ...]:
        """Return what a query comes to at one instant: one sample a series; a scalar is a series without labels."""
        result = await self._query(query, at_ms, timeout_s)
        if result["resultType"] == "scalar":
            return (Series({}, (_sample(result["result"]),)),)
        return tuple(Series(one["metric"], (_sample(one["value"]),)) for one in _of_type(result, "vector"))

    async def value(self, query: str, at_ms: int, *, timeout_s: float) -> float:
        """Return the one number that a query comes to; raises Broken when it comes to none, to NaN, or to several."""
        found = await self.vector(query, at_ms, timeout_s=timeout_s)
        if len(found) != 1:
            what = f"{len(found)} series; make it one, with sum() for example" if found else "no series"
            raise Broken(f"the query comes to {what}")
        ((_, value),) = found[0].samples
        if not math.isfinite(value):
            raise Broken(f"the query comes to {value}")
        return value

    async def _query(self, query: str, at_ms: int, timeout_s: float) -> Mapping[str, Any]:
        asked = {"query": query, "time": f"{at_ms / 1000:.3f}", "timeout": f"{timeout_s:.3f}"}
        status, body = await self.fetch("POST", self._url, data=asked, timeout_s=timeout_s)
        try:
            answer = json.loads(body)
            if answer["status"] == "success":
                found: Mapping[str, Any] = answer["data"]
                return found
            said = str(answer["error"])
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f"Prometheus answers {status} and no JSON of its API") from None
        kind: type[SegueError] = Unavailable if status >= 500 else Broken
        raise kind(f"Prometheus refuses the query: {said}")


def _of_type(result: Mapping[str, Any], type: str) -> list[Any]:
    if result["resultType"] != type:
        raise Broken(f"the query comes to a {result['resultType']}; give one that comes to a {type}")
    found: list[Any] = result["result"]
    return found


def _sample(pair: tuple[float, str]) -> tuple[int, float]:
    at_s, value = pair
    return round(float(at_s) * 1000), float(value)
