"""The routing tables in use, by service: swapped whole, never for an older one."""

import logging
from collections.abc import Callable, Iterable, Mapping

from controller.core.routing import RoutingTable
from controller.gateway.metrics import Metrics

log = logging.getLogger(__name__)


class Tables:
    """What this gateway routes by. Requests read it; only the follower, and the file at the start, bring tables."""

    def __init__(
        self, metrics: Metrics, known: Iterable[RoutingTable] = (), note: Callable[[RoutingTable], None] | None = None
    ) -> None:
        """known: the tables of the last run. note: told of each newer one just before it is used."""
        self._metrics = metrics
        self._tables: dict[str, RoutingTable] = {}
        self._note: Callable[[RoutingTable], None] | None = None
        for table in known:
            self.offer(table)
        self._note = note

    def __len__(self) -> int:
        return len(self._tables)

    def get(self, service: str) -> RoutingTable | None:
        """Return the service's table, or None when the service is unknown."""
        return self._tables.get(service)

    def all(self) -> Mapping[str, RoutingTable]:
        """Return the tables in use, by service in the order of their names."""
        return dict(sorted(self._tables.items()))

    def offer(self, table: RoutingTable) -> bool:
        """Use this table if its epoch is newer, and say so; an older one, or another one of this epoch, is refused."""
        known = self._tables.get(table.service)
        if known is None or table.epoch > known.epoch:
            if self._note is not None:
                self._note(table)
            self._tables[table.service] = table
            self._metrics.routing_epoch.labels(table.service).set(table.epoch)
            return True
        if table != known:
            self._metrics.tables_refused.labels(table.service).inc()
            log.warning(
                "refused a routing table that is not newer",
                extra={"service": table.service, "epoch": known.epoch, "refused_epoch": table.epoch},
            )
        return False
