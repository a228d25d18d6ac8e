"""
The last attempts that failed, by release: when, how and where, for whoever asks afterwards why one was taken back.

What was to be spoken, by whom and from where is not among it.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from controller.gateway.problem import Problem
from controller.tokens import VIEWER, given, may, role_of

FAILURES_PATH: Final = "/failures"
_MOST: Final = 200
_MOST_RELEASES: Final = 64

CROWDED: Final = "crowded"
OVERRUN: Final = "overrun"
NONE_LEFT: Final = "none_left"
CALLER_LEFT: Final = "caller_left"


@dataclass(slots=True)
class Failure:
    """
    An attempt that failed, at_ms milliseconds after 1970.

    arm: as it was counted, so also forced and mirror. why: how it failed: failed, timed_out, away, not_loaded, crowded
    (no place, and nobody else with one), overrun (no place in time, so another release was asked), none_left or
    caller_left. latency_s: until it did. status: what the caller was answered in the end, perhaps 200 by another
    release; 0 while nothing was, or when nobody waits. endpoint: that was asked last, "" when none was.
    """

    release: str
    arm: str
    epoch: int
    segment: str
    endpoint: str
    why: str
    latency_s: float
    characters: int
    status: int = 0
    at_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)


@dataclass(slots=True)
class _Release:
    last: deque[Failure]
    failed: int = 0


class Failures:
    """Keeps the last 200 of each release, of the 64 releases that failed last."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Release] = {}

    def add(self, service: str, failure: Failure) -> None:
        """Keep one."""
        key = (service, failure.release)
        kept = self._kept.pop(key, None) or _Release(deque(maxlen=_MOST))
        self._kept[key] = kept
        kept.failed += 1
        kept.last.append(failure)
        if len(self._kept) > _MOST_RELEASES:
            del self._kept[next(iter(self._kept))]

    def of(self, service: str, release: str) -> dict[str, Any]:
        """Return how many failed since the start, and the last of them, the oldest first."""
        kept = self._kept.get((service, release)) or _Release(deque())
        return {"failed": kept.failed, "failures": [asdict(one) for one in kept.last]}

    def asked(self, query: bytes, headers: Mapping[bytes, bytes], tokens: Mapping[str, str]) -> dict[str, Any]:
        """Answer `?service=...&release=...` for tokens that may look; raises Problem 400, 401 or 403."""
        role = role_of(tokens, given(headers.get(b"authorization", b"").decode("latin-1")))
        if not role:
            raise Problem(401, "a token of role viewer is needed: send it as Authorization: Bearer", code="no_token")
        if not may(role, VIEWER):
            raise Problem(403, f"a token of role {role} may not look; use one of role viewer", code="forbidden")
        named = parse_qs(query.decode("latin-1"))
        service, release = (named.get(name, [""])[-1] for name in ("service", "release"))
        if not service or not release:
            raise Problem(400, "say whose failures are meant: ?service=hibari&release=1.6.0", code="no_release_named")
        return self.of(service, release)
