"""
Whether a release may be asked to answer for another that failed, or beside one that is late.

Answering for others must never push a release that is itself failing further down. So each release has tokens: its own
failures take one, its answers and the passing of time give some back, and below half it is left alone.
Source: gRPC proposal A6, "retry throttling", with the refill by time added because a release that gets no traffic of
its own would otherwise never be asked again.
"""

import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_MOST: Final = 20.0
_PER_ANSWER: Final = 0.5
_PER_SECOND: Final = 1.0


_MOST_HEDGED: Final = 20.0
_HEDGED_PER_REQUEST: Final = 0.05


class FailoverBudget(Generic[K]):
    """The tokens of every release, by any key that names one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds, from any beginning."""
        self._clock = clock
        self._tokens: dict[K, tuple[float, float]] = {}

    def allows(self, key: K) -> bool:
        """Say whether this release may be asked on another's behalf."""
        return self._now(key) > _MOST / 2

    def answered(self, key: K) -> None:
        """Note that the release did its work; costs nothing while it has all its tokens."""
        if key in self._tokens:
            self._set(key, self._now(key) + _PER_ANSWER)

    def failed(self, key: K) -> None:
        """Note that the release failed, or did not answer in time."""
        self._set(key, self._now(key) - 1)

    def _now(self, key: K) -> float:
        tokens, at_s = self._tokens.get(key, (_MOST, 0.0))
        return min(_MOST, tokens + (self._clock() - at_s) * _PER_SECOND)

    def _set(self, key: K, tokens: float) -> None:
        if tokens >= _MOST:
            self._tokens.pop(key, None)
        else:
            self._tokens[key] = (max(0.0, tokens), self._clock())


class HedgeBudget(Generic[K]):
    """
    For how many requests of a release another may be asked beside it: one in twenty, and twenty at once.

    Without it a release that is late with everything would have everything spoken twice. By any key that names one.
    """

    def __init__(self) -> None:
        self._tokens: dict[K, float] = {}

    def requested(self, key: K) -> None:
        """Note a request of the release; costs nothing while nothing was taken lately."""
        if key in self._tokens:
            tokens = self._tokens[key] + _HEDGED_PER_REQUEST
            if tokens < _MOST_HEDGED:
                self._tokens[key] = tokens
            else:
                del self._tokens[key]

    def take(self, key: K) -> bool:
        """Say whether another release may be asked for one of its requests, and count that it is."""
        tokens = self._tokens.get(key, _MOST_HEDGED)
        if tokens < 1:
            return False
        self._tokens[key] = tokens - 1
        return True
