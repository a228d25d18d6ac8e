"""
How one release does on one endpoint: when it is left alone, and how long until it is probed again.

Per release, not per endpoint: a Triton on which the candidate is dead still speaks for stable. A caller who left says
nothing about either and is never told here.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EjectRules:
    """
    When an endpoint is ejected, and when it is probed.

    after: failures in a row. first_s: until the first probe; doubled with each that fails, up to most_s.
    """

    after: int = 5
    first_s: float = 1.0
    most_s: float = 60.0


@dataclass(slots=True)
class Health:
    """
    What is known, all of it from real answers.

    failures: in a row, and since an ejection all. ejected: no request is sent there while another endpoint is left.
    speaks: the latest answer was good.
    """

    rules: EjectRules
    failures: int = 0
    ejected: bool = False
    speaks: bool = False
    _waits: int = 0
    _readmitted_s: float = field(default=float("-inf"))

    def answered(self) -> None:
        """Note a good answer. It readmits nothing: what was asked before the ejection may answer after it."""
        if not self.ejected:
            self.failures = 0
        self.speaks = True

    def failed(self, now_s: float) -> bool:
        """Note a failure, and say whether the endpoint is ejected by it."""
        self.failures += 1
        self.speaks = False
        if self.ejected or self.failures < self.rules.after:
            return False
        self.ejected = True
        if now_s - self._readmitted_s > self.rules.most_s:
            # Whoever comes back only to fail again goes on waiting longer.
            self._waits = 0
        return True

    def wait_s(self) -> float:
        """Return how long to wait before the next probe; longer each time."""
        wait_s = self.rules.first_s * 2.0 ** min(self._waits, 32)
        self._waits += 1
        return min(wait_s, self.rules.most_s)

    def readmitted(self, now_s: float) -> None:
        """Note that a probe was answered well."""
        self.ejected = False
        self.failures = 0
        self.speaks = True
        self._readmitted_s = now_s
