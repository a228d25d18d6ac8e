"""
How many root requests make a block: what one endpoint of the candidate serves in ten seconds.

All arms of a service use one size, or their odds could not be compared. It stands for a routing table, and for minutes:
whenever it changes, the blocks that were begun are thrown away.
"""

from typing import Final

from controller.core.names import FULL_BP
from controller.core.routing import Role, RoutingTable
from controller.core.sequential import block_size

_EVERY_S: Final = 300.0
# As long as a block shall last: what came in less time says too little about the rate.
_LEAST_S: Final = 10.0


class BlockSize:
    """The size for one service. It is 0 until the rate of requests is known: a guess would let noise count twice."""

    def __init__(self, at_s: float) -> None:
        """at_s: when the first request ended; seconds, from any beginning, here and below."""
        self.size = 0
        self._epoch = 0
        self._since_s = at_s
        self._requests = 0
        self._of_candidate = 0
        self._endpoints: set[str] = set()
        self._rate_per_s: float | None = None

    def note(self, arm: str, endpoint: str) -> None:
        """
        Note a root request that ended with the release asked.

        arm: as metrics name it; what testers force says nothing about the rate.
        """
        if arm in ("candidate", "mirror"):
            self._of_candidate += 1
            self._endpoints.add(endpoint)
        if arm not in ("forced", "mirror"):
            self._requests += 1

    def settle(self, table: RoutingTable, at_s: float) -> bool:
        """Settle the size anew if it is time to, and say whether it changed."""
        elapsed_s, size = at_s - self._since_s, self.size
        if table.epoch > self._epoch:
            # Weights changed: what the candidate got until now says less than what it is due from now on.
            self._epoch = table.epoch
            rate_per_s = self._requests / elapsed_s if elapsed_s >= _LEAST_S else self._rate_per_s
            if rate_per_s is not None:
                self._set(rate_per_s, rate_per_s * _due(table), at_s)
        elif elapsed_s >= (_EVERY_S if size else _LEAST_S):
            self._set(self._requests / elapsed_s, self._of_candidate / elapsed_s, at_s)
        return self.size != size

    def _set(self, rate_per_s: float, of_candidate_per_s: float, at_s: float) -> None:
        self.size = block_size(of_candidate_per_s / (len(self._endpoints) or 1))
        self._rate_per_s = rate_per_s
        self._since_s = at_s
        self._requests = self._of_candidate = 0
        self._endpoints.clear()


def _due(table: RoutingTable) -> float:
    candidate = table.arm(Role.CANDIDATE)
    if candidate is None:
        return 0.0
    share = candidate.weight_bp / FULL_BP
    return share + (1 - share) * table.mirror_bp / FULL_BP
