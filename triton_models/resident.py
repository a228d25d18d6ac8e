"""
How much memory a stage's process takes, shown by Triton's own /metrics as `segue_stage_resident_bytes`.

The build puts this file beside the code of every Python stage. Triton itself tells the memory of GPUs only, and where
there is none, a stage that leaks would be seen by nobody.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import triton_python_backend_utils as pb

_EVERY_S: Final = 1.0
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Resident:
    """A gauge of this process: make it in `initialize`, call `tell` in `execute`, and `end` in `finalize`."""

    def __init__(self, args: Mapping[str, str]) -> None:
        """args: as Triton gave them to `initialize`."""
        self._told_s = 0.0
        self._gauge: Any = None
        self._family: Any = None
        try:
            self._family = pb.MetricFamily(
                name="segue_stage_resident_bytes",
                description="Resident memory of the process that a stage's instance runs in.",
                kind=pb.MetricFamily.GAUGE,
            )
            labels = {"stage": args["model_name"], "slot": args["model_instance_name"]}
            self._gauge = self._family.Metric(labels=labels)
        except pb.TritonModelException as error:
            # A Triton that shows no metrics speaks all the same.
            pb.Logger.log_warn(f"the memory of {args['model_name']} is not shown: {error}")
        self.tell()

    def tell(self) -> None:
        """Show what is resident now; a call within a second of the last one costs nothing and does nothing."""
        now_s = time.monotonic()
        if self._gauge is None or now_s - self._told_s < _EVERY_S:
            return
        self._told_s = now_s
        resident_pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        self._gauge.set(resident_pages * _PAGE_BYTES)

    def end(self) -> None:
        """Take the gauge away; Triton would go on showing its last value."""
        # The gauge first: it belongs to the family.
        self._gauge = None
        self._family = None
