"""What a backtest has to know of one service before the first of its messages is decided again."""

from dataclasses import dataclass
from typing import Final

from controller.backtest.again import Known, known
from controller.core.events import RolloutStarted
from controller.core.state import evolve
from controller.core.stream import Fact, History, begin
from controller.journal import Store
from controller.journal.facts import told
from controller.journal.inputs import lost
from controller.journal.partitions import check_whole

_PAGE: Final = 500
NEVER: Final = -(2**63)
NOTHING_LATER: Final = 2**62
"""A position that no stream comes to."""


@dataclass(frozen=True, slots=True)
class Record:
    """
    facts: all but windows. known: what they say of the messages. before: what went before the first that counts.
    position: after which that one's facts stand; -1 where every message counts. unseen: requests of rollouts that would
    count if the messages were left that led to them.
    """

    service: str
    facts: tuple[Fact, ...]
    known: Known
    before: History
    position: int
    unseen: frozenset[str] = frozenset()


async def read_record(store: Store, service: str, since_ms: int = NEVER) -> Record:
    """
    Return what is known of a service before any message is decided again.

    since_ms: the first rollout that counts is the first that began then or later, milliseconds since 1970; and after
    the last message of which a restore found the name alone, without which nobody knows what another policy would do.
    Raises Broken when facts lie in months that were detached.
    """
    await store.read(lambda connection: check_whole(connection, service))
    facts: list[Fact] = []
    while page := await told(store, service, facts[-1].position if facts else 0, _PAGE):
        facts += [one.fact for one in page]
    gone = await lost(store, service)
    if since_ms == NEVER and not gone:
        return Record(service, tuple(facts), known(facts), begin(service), -1)
    counting = [n for n, fact in enumerate(facts) if _begins(fact) and fact.at_ms >= since_ms]
    first = next((n for n in counting if facts[n].position > gone), len(facts))
    unseen = frozenset(facts[n].cause for n in counting if n < first)
    if first == len(facts):
        return Record(service, tuple(facts), known(facts), begin(service), NOTHING_LATER, unseen)
    while first and facts[first - 1].cause == facts[first].cause:
        first -= 1
    state = begin(service).state
    for fact in facts[:first]:
        # Windows are left out: they are of rollouts that the first one that counts brings to their end.
        state = evolve(state, fact.event, fact.at_ms)
    position = facts[first].position - 1
    before = History(state, position, facts[first].at_ms)
    return Record(service, tuple(facts), known(facts), before, position, unseen)


def _begins(fact: Fact) -> bool:
    return isinstance(fact.event, RolloutStarted)
