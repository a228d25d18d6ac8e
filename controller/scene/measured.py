"""What Prometheus has of both arms around the rollback: raw samples, and which alerts fired."""

import math
from typing import Final

from controller.core.errors import SegueError, Unavailable
from controller.outside.series import Prometheus, Series
from controller.scene.draft import Draft
from controller.wire.strict import canonical

FAMILIES: Final = (
    "ALERTS",
    "segue_root_requests_total",
    "segue_blocks_total",
    "segue_measured_total",
    "segue_requests_total",
    "segue_user_requests_total",
    "segue_failovers_total",
    "segue_hedges_total",
    "segue_audio_check_failures_total",
    "segue_broken_streams_total",
    "segue_mirror_dropped_total",
    "segue_inflight",
    "segue_probe_up",
    "segue_routing_epoch",
)
"""Every family that tells something of one service; sorted neither by name nor by chance: what cries comes first."""

_TIMEOUT_S: Final = 10.0
_WHAT: Final = "metrics"


async def keep_metrics(draft: Draft, prometheus: Prometheus | None, service: str, from_ms: int, until_ms: int) -> None:
    """Write the samples of a range, one series a line; what cannot be had is said in the draft."""
    if prometheus is None:
        return draft.lacks(_WHAT, "SEGUE_PROMETHEUS is empty: nobody says where they are to be had")
    found = 0
    with draft.file("metrics.jsonl", "raw samples of the service's metrics and alerts in Prometheus") as written:
        for family in FAMILIES:
            try:
                selector = f'{family}{{service="{service}"}}'
                series = await prometheus.samples(selector, until_ms, until_ms - from_ms, timeout_s=_TIMEOUT_S)
            except Unavailable as error:
                # Whoever does not answer one question would be waited for again with each of those that follow.
                return draft.lacks(f"{_WHAT} from {family} on", str(error))
            except SegueError as error:
                draft.lacks(f"{_WHAT} of {family}", str(error))
                continue
            for one in series:
                found += 1
                written.line(_line(one))
    if not found:
        draft.lacks(_WHAT, "Prometheus has none of this service in this time")
    return None


def _line(series: Series) -> str:
    samples = [[at_ms, value if math.isfinite(value) else None] for at_ms, value in series.samples]
    return canonical({"labels": dict(series.labels), "samples": samples})
