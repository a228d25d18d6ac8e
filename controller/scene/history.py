"""What the journal says: every fact of the service while the rollout ran and shortly after, and both routing tables."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from controller.core.errors import Broken
from controller.core.events import PromotionReverted, RolloutAborted, RolloutStarted, WindowMeasured
from controller.journal.facts import Recorded, recorded
from controller.journal.scenes import TakenBack, first_position, tables_around
from controller.journal.store import Store
from controller.scene.draft import Draft
from controller.wire.strict import canonical, parse_object

_FACT_LIMIT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rollback:
    """How a rollout ended, by the fact that says so. guilty: the measures that were proven worse."""

    fact: str
    kind: str
    release: str
    digest: str
    back_to: str
    trigger: str
    actor: str
    reason: str
    guilty: tuple[str, ...]


async def keep_history(draft: Draft, store: Store, rollout: TakenBack, until_ms: int) -> Rollback:
    """
    Write facts, windows and tables, a page in memory at a time, and return how the rollout ended.

    until_ms: later facts are left out. Raises Broken when the journal does not know how it ended, or nothing of it.
    """
    first = await first_position(store, rollout.rollout)
    if first is None:
        raise Broken(
            f"the journal has no fact of {rollout.rollout}: its month was detached; `segue db attach` brings it back"
        )
    ended: Recorded | None = None
    with (
        draft.file("windows.jsonl", "windows of measurements, one fact each") as windows,
        draft.file("facts.jsonl", "facts of the service from the rollout's first on, as the journal has them") as facts,
    ):
        async for one in _since(store, rollout, first, until_ms):
            if one.position == first and one.type != RolloutStarted.__name__:
                draft.lacks("facts", f"those before {one.id} are not in the journal: their month was detached")
            (windows if one.type == WindowMeasured.__name__ else facts).line(_line(one))
            if one.rollout == rollout.rollout and one.type in (RolloutAborted.__name__, PromotionReverted.__name__):
                ended = one
    if ended is None:
        raise Broken(f"the journal has no fact that says how {rollout.rollout} ended")
    before, after = await tables_around(store, rollout.service, ended.position, ended.cause)
    with draft.file("tables.json", "the routing table before and after, as routers got them") as written:
        # Both are canonical JSON already, and stay byte for byte what was published.
        written.write(f'{{"after":{after or "null"},"before":{before or "null"}}}\n'.encode())
    return _rollback(ended)


async def _since(store: Store, rollout: TakenBack, first: int, until_ms: int) -> AsyncIterator[Recorded]:
    async for one in recorded(store, rollout.service, first - 1):
        if one.at_ms > until_ms:
            return
        yield one


def _line(one: Recorded) -> str:
    """Return a fact with all that its hash is taken of."""
    return canonical(
        {
            "service": one.stream,
            "position": one.position,
            "at_ms": one.at_ms,
            "cause": one.cause,
            "type": one.type,
            "schema": one.schema,
            "event": parse_object(one.body.encode(), one.id, _FACT_LIMIT_BYTES),
            "prev_hash": one.prev_hash,
            "hash": one.hash,
        }
    )


def _rollback(one: Recorded) -> Rollback:
    event = one.fact.event
    assert isinstance(event, RolloutAborted | PromotionReverted), "chosen by its type"
    aborted = isinstance(event, RolloutAborted)
    return Rollback(
        fact=one.id,
        kind="abort" if aborted else "revert",
        release=event.release.version,
        digest=event.release.digest,
        back_to=event.back_to.version if event.back_to else "",
        trigger=event.trigger.value,
        actor=event.actor,
        reason=event.reason,
        guilty=event.guilty if isinstance(event, RolloutAborted) else (),
    )
