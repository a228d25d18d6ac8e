"""
Endpoints that come and go, told to the journal and to metrics: per service, with what it means for each.

Whether a release is to be taken back is not decided here. What only this gateway can see is told with it: whether
any endpoint of the release is left, and whether another release of the service still speaks to this gateway.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from controller.core.routing import Arm, RoutingTable
from controller.gateway.metrics import Metrics
from controller.gateway.tables import Tables
from controller.gateway.triton import Ejected, Readmitted, TritonEngine

_EJECTED: Final = "io.segue.endpoint.ejected"
_READMITTED: Final = "io.segue.endpoint.readmitted"


class Tells(Protocol):
    """Whoever brings messages to Kafka."""

    def tell(self, kind: str, id: str, service: str, data: Mapping[str, object], at_ms: int) -> None:
        """Send a message about a service."""
        ...


class Ejections:
    """What the engine tells when an endpoint is ejected, probed in vain, or readmitted."""

    def __init__(self, engine: TritonEngine, tables: Tables, metrics: Metrics, reporter: Tells) -> None:
        self._engine = engine
        self._tables = tables
        self._metrics = metrics
        self._reporter = reporter
        # Of every ejection, what each service was told: a probe that fails as the last one did says nothing new.
        self._told: dict[tuple[str, str], set[tuple[str, tuple[object, ...]]]] = {}
        self._number = 0

    def changed(self, change: Ejected | Readmitted) -> None:
        """Report it to every service whose table has the release at this endpoint."""
        self._count(change)
        at_ms = time.time_ns() // 1_000_000
        for table, arm in self._served(change.endpoint, change.ensemble):
            if isinstance(change, Ejected):
                self._tell_ejected(change, table, arm, at_ms)
            else:
                why = f"it answered a probe well after {change.failures} failures in a row"
                self._tell(_READMITTED, change, table.service, {"reason": why}, at_ms)
        if isinstance(change, Readmitted):
            self._told.pop((change.endpoint, change.ensemble), None)

    def wanted(self, endpoint: str, ensemble: str) -> bool:
        """Say whether some service has the release at this endpoint; what nobody has is forgotten."""
        if next(self._served(endpoint, ensemble), None) is not None:
            return True
        self._told.pop((endpoint, ensemble), None)
        self._metrics.endpoints_ejected.remove(endpoint, ensemble)
        return False

    def _served(self, endpoint: str, ensemble: str) -> Iterator[tuple[RoutingTable, Arm]]:
        for table in self._tables.all().values():
            for arm in table.arms:
                if arm.release.ensemble == ensemble and endpoint in self._engine.endpoints(arm):
                    yield table, arm

    def _tell_ejected(self, change: Ejected, table: RoutingTable, arm: Arm, at_ms: int) -> None:
        others = [other for other in table.arms if other.release.ensemble != change.ensemble]
        meaning = {
            "fault": change.fault.kind.value,
            "probed": change.probed,
            "all_gone": self._engine.gone(arm),
            "others_speak": any(map(self._engine.speaks, others)),
        }
        told = self._told.setdefault((change.endpoint, change.ensemble), set())
        this = table.service, tuple(meaning.values())
        if this not in told:
            told.add(this)
            data = meaning | {"reason": f"{change.fault}, {change.failures} times in a row"}
            self._tell(_EJECTED, change, table.service, data, at_ms)

    def _tell(
        self, kind: str, change: Ejected | Readmitted, service: str, data: Mapping[str, object], at_ms: int
    ) -> None:
        # A number, for two endpoints can go in one millisecond.
        self._number += 1
        told = {"ensemble": change.ensemble, "endpoint": change.endpoint, "consecutive": change.failures, **data}
        self._reporter.tell(kind, f"{service}/endpoint/{at_ms}-{self._number}", service, told, at_ms)

    def _count(self, change: Ejected | Readmitted) -> None:
        labels = change.endpoint, change.ensemble
        ejected = isinstance(change, Ejected)
        self._metrics.endpoints_ejected.labels(*labels).set(ejected)
        if isinstance(change, Ejected) and not change.probed:
            self._metrics.endpoint_ejections.labels(*labels).inc()
