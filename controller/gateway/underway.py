"""
Which ensembles users' utterances are under way on, and telling when the last one leaves a release that left the tables.

An utterance goes on with the table of its pick, whatever comes meanwhile. It is counted from the pick until its last
sound is made, for the ensemble that speaks it and, until that is settled, for those that may take over. What is made
and not yet sent needs no release: a player that takes a stream as fast as it plays it keeps none loaded. What nobody
hears, such as copies, is not counted.

On the way of a request this is one entry in a set and its removal. Sets are only looked through when a table is
reported and, while older utterances go on with a release that it does not name, when one of those ends.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from controller.core.routing import RoutingTable

Drained = Callable[[str, str, int], None]
"""Called with a service, an ensemble that it will ask for nothing more, and the epoch that was reported last."""


# Without eq: two utterances are never the same one.
@dataclass(slots=True, eq=False)
class Turn:
    """One utterance under way. ensembles: those that it may still ask."""

    service: str
    ensembles: tuple[str, ...]


@dataclass(slots=True)
class _Told:
    """What was reported of a service: its epoch, the ensembles that its table names, and others not drained yet."""

    epoch: int
    named: frozenset[str]
    older: frozenset[str]


def _nobody(_service: str, _ensemble: str, _epoch: int) -> None:
    """Tell nobody."""


class UnderWay:
    """The utterances under way in one gateway."""

    def __init__(self, drained: Drained = _nobody) -> None:
        """drained: told once for each ensemble of which `applied` had said that it may be asked, and now is not."""
        self._drained: Final = drained
        self._turns: defaultdict[str, set[Turn]] = defaultdict(set)
        self._told: dict[str, _Told] = {}

    def begin(self, service: str, ensembles: Iterable[str]) -> Turn:
        """Count an utterance that was just picked; ensembles: who speaks it or may take over."""
        turn = Turn(service, tuple(ensembles))
        self._turns[service].add(turn)
        return turn

    def settle(self, turn: Turn, ensemble: str) -> None:
        """Say that an utterance stays with this ensemble to its end."""
        given_up, turn.ensembles = turn.ensembles, (ensemble,)
        if len(given_up) > 1:
            self._left(turn.service, given_up)

    def end(self, turn: Turn) -> None:
        """Count an utterance no more: it is spoken, has failed, or its caller left."""
        self._turns[turn.service].discard(turn)
        self._left(turn.service, turn.ensembles)

    def applied(self, table: RoutingTable) -> tuple[str, ...]:
        """Take note that a table is reported, and return the ensembles that may be asked from then on, sorted."""
        told = self._told.get(table.service)
        if told is None or told.epoch != table.epoch:
            named = frozenset(arm.release.ensemble for arm in table.arms)
            told = self._told[table.service] = _Told(table.epoch, named, self._asked(table.service) - named)
        return tuple(sorted(told.named | told.older))

    def _left(self, service: str, ensembles: Iterable[str]) -> None:
        told = self._told.get(service)
        if told is None or told.older.isdisjoint(ensembles):
            return
        still = told.older & self._asked(service)
        for ensemble in sorted(told.older - still):
            self._drained(service, ensemble, told.epoch)
        told.older = still

    def _asked(self, service: str) -> frozenset[str]:
        return frozenset(ensemble for turn in self._turns[service] for ensemble in turn.ensembles)
