"""Rollouts that are watched for 24 hours, a window every ten seconds: 50 requests a second, of which 5 % are bold."""

from random import Random
from typing import Final

import numpy as np

from controller.bench.history.life import DAY_MS, YEAR_BEGINS_MS, Life, new_release
from controller.bench.history.template import NAME, Template, written_down
from controller.core.evidence.window import bucket_of
from controller.wire.messages import MessageType

WINDOW_MS: Final = 10_000
WINDOWS: Final = DAY_MS // WINDOW_MS
_BETWEEN_MS: Final = 2 * DAY_MS
_PLAN: Final = {"name": "day", "steps": [{"weight": "5 %", "hold": "24h"}], "guard": "1h"}
_SPREAD: Final = 0.22
"""Scale of log-logistic times; puts p99 at 2.7 times the median."""
_FAILURES: Final = 0.002
_BLOCK: Final = 12
_MEDIANS_S: Final = {"latency": 0.35, "ttfa": 0.12, "rtf": 0.08}
_FOOTPRINT_BYTES: Final = 900 * 2**20


def lived(seed: int, rollouts: int) -> Template:
    """Return what the product writes down of so many days; the last release is taken back by an alert at their end."""
    days = _Days(seed)
    for number in range(rollouts):
        days.watch(f"1.{number}.0", YEAR_BEGINS_MS + DAY_MS + number * _BETWEEN_MS, bad=number + 1 == rollouts)
    return written_down(days.life)


class _Days:
    def __init__(self, seed: int) -> None:
        self.life = Life(NAME, Random(seed))  # noqa: S311  # a made-up life, no secret
        self._draw = np.random.default_rng(seed)
        self._request("1.0.0-first", YEAR_BEGINS_MS)

    def watch(self, version: str, at_ms: int, *, bad: bool) -> None:
        """Roll a release out, and measure it for a day."""
        self._request(version, at_ms)
        rollout = f"{NAME}-{self.life.head.history.state.rollouts}"
        began_ms = at_ms + 60_000
        for number in range(1, WINDOWS + 1):
            end_ms = began_ms + number * WINDOW_MS
            if number == WINDOWS and bad:
                self._alert(version, end_ms)
                return
            self._window(rollout, end_ms)

    def _request(self, version: str, at_ms: int) -> None:
        release = new_release(NAME, version)
        self.life.say(
            MessageType.REQUESTED, f"request-{version}", at_ms, "ci", actor="ci", reason="nightly", release=release,
            plan=_PLAN, service=NAME,
        )  # fmt: skip
        self.life.say(
            MessageType.READY, f"ready-{version}", at_ms + 60_000, "releases", ensemble=release["ensemble"], load_s=1.5,
            probe_latency_s=0.25, probe_audio_s=2.0,
        )  # fmt: skip

    def _window(self, rollout: str, end_ms: int) -> None:
        memory = {"candidate_bytes": self._bytes(), "stable_bytes": self._bytes(), "source": "process"}
        self.life.say(
            MessageType.WINDOW, f"window/{rollout}/{end_ms}", end_ms + 1_000, "segue/observer", rollout=rollout,
            start_ms=end_ms - WINDOW_MS, end_ms=end_ms, candidate=self._arm(25), stable=self._arm(475), memory=memory,
        )  # fmt: skip

    def _alert(self, version: str, at_ms: int) -> None:
        labels = {"severity": "critical", "service": NAME, "release": version}
        self.life.say(
            MessageType.ALERT, f"alert-{version}", at_ms, "alertmanager", fingerprint=f"f{at_ms:x}",
            alertname="SpeechErrors", status="firing", labels=labels, starts_at="2025-01-01T00:00:00Z",
            received_at_ms=at_ms - 3, release=version,
        )  # fmt: skip

    def _arm(self, about: int) -> dict[str, object]:
        requests = int(self._draw.poisson(about))
        blocks = requests // _BLOCK
        failed = int(self._draw.binomial(blocks, 1 - (1 - _FAILURES) ** _BLOCK))
        failures = max(failed, int(self._draw.binomial(requests, _FAILURES)))
        times = {name: self._times(median_s, requests - failures) for name, median_s in _MEDIANS_S.items()}
        counts = {"requests": requests, "failures": failures, "blocks": blocks, "failed_blocks": failed}
        return {**counts, **times}

    def _times(self, median_s: float, requests: int) -> list[list[int]]:
        width = float(np.log(1.05))
        logs = self._draw.logistic(0.0, _SPREAD, requests) / width
        buckets, counts = np.unique(np.floor(logs).astype(np.int64) + bucket_of(median_s), return_counts=True)
        return [[int(bucket), int(count)] for bucket, count in zip(buckets, counts, strict=True)]

    def _bytes(self) -> int:
        return int(_FOOTPRINT_BYTES + self._draw.normal(0, 2**20))
