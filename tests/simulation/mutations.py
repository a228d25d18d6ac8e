"""
Mistakes that Segue does not make, planted one at a time: a simulation that finds none of them would prove nothing.

Each replaces a function of the real code for one run. `MUTATIONS` names them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final
from unittest.mock import patch

from aiokafka.errors import KafkaError
from sqlalchemy import Connection

from consumers import deciding, polling, relay, timers
from consumers.delivery import _Delivery
from consumers.line import Line, Records
from controller import handle
from controller.core.commands import RejectMessage
from controller.core.routing import RoutingTable
from controller.core.state import State
from controller.core.stream import react
from controller.gateway import follow
from controller.gateway.tables import Tables
from controller.journal import Relay, Store, inbox, outbox
from controller.journal import timers as timer_rows
from controller.journal.heads import Folded
from controller.journal.wake import Bell
from controller.wire.codec import table_from
from controller.wire.inbound import Input
from tests.simulation.world import Mutation, World

Replace = Callable[[World], Iterator[tuple[object, str, object]]]


def _planted(replaced: Replace) -> Mutation:
    """Make a mutation of what is to be replaced: in which module or class, under which name, by what."""

    @contextmanager
    def plant(world: World) -> Iterator[None]:
        with ExitStack() as stack:
            for place, name, by in replaced(world):
                stack.enter_context(patch.object(place, name, by))
            yield

    return plant


@_planted
def _inbox_not_asked(_world: World) -> Iterator[tuple[object, str, object]]:
    seen, keep = inbox.seen, inbox.keep

    def keep_new(connection: Connection, decided: Sequence[inbox.Decided], decided_ms: int) -> None:
        known = seen(connection, [one.input for one in decided])
        keep(connection, [one for one in decided if inbox.key(one.input) not in known], decided_ms)

    yield inbox, "seen", lambda _connection, _inputs: set()
    yield inbox, "keep", keep_new


@_planted
def _published_before_commit(world: World) -> Iterator[tuple[object, str, object]]:
    put = outbox.put

    def put_and_send(connection: Connection, messages: Sequence[outbox.Outgoing]) -> bool:
        for one in messages:
            key = one.service.encode()
            world.broker.append(world.broker.partition_of(one.topic.value, key), key, one.body, one.headers)
        return put(connection, messages)

    yield outbox, "put", put_and_send


@_planted
def _relayed_after_the_last_id(_world: World) -> Iterator[tuple[object, str, object]]:
    next_batch = Relay.next_batch
    last: dict[Relay, int] = {}

    async def after_the_last(self: Relay, limit: int) -> list[outbox.OutboxRow]:
        rows = [row for row in await next_batch(self, limit) if row.id > last.get(self, 0)]
        last[self] = rows[-1].id if rows else last.get(self, 0)
        return rows

    yield Relay, "next_batch", after_the_last


@_planted
def _old_epoch_accepted(_world: World) -> Iterator[tuple[object, str, object]]:
    def offer(self: Tables, table: RoutingTable) -> bool:
        self._tables[table.service] = table
        return True

    yield Tables, "offer", offer


@_planted
def _acknowledged_before_commit(_world: World) -> Iterator[tuple[object, str, object]]:
    on_batch = _Delivery._on_batch

    async def acknowledge_first(self: _Delivery, message: Any) -> None:
        self._line.settle(message.raw_message)
        await self._acknowledge()
        await on_batch(self, message)

    yield _Delivery, "_on_batch", acknowledge_first


@_planted
def _timer_fired_in_two_transactions(_world: World) -> Iterator[tuple[object, str, object]]:
    async def fire_due(self: Store, now_ms: int) -> int | None:
        held: list[outbox.Outgoing] = []

        def mark(connection: Connection) -> int | None:
            with patch.object(timer_rows, "put", lambda _connection, messages: held.extend(messages)):
                return timer_rows.fire(connection, now_ms)

        next_due_ms = await self.write(mark)
        if held:
            await self.write(lambda connection: outbox.put(connection, held))
            self.ring(Bell.OUTBOX)
        return next_due_ms

    yield Store, "fire_due", fire_due


@_planted
def _last_of_a_batch_lost(_world: World) -> Iterator[tuple[object, str, object]]:
    decide = deciding._decide

    async def all_but_the_last(worker: Any, inputs: Sequence[Input]) -> None:
        await decide(worker, inputs[:-1] if len(inputs) > 1 else inputs)

    yield deciding, "_decide", all_but_the_last


@_planted
def _tombstone_not_passed_over(_world: World) -> Iterator[tuple[object, str, object]]:
    yield follow, "_table", lambda record: table_from(record.value)


@_planted
def _forgotten_before_published(_world: World) -> Iterator[tuple[object, str, object]]:
    next_batch = Relay.next_batch

    async def take(self: Relay, limit: int) -> list[outbox.OutboxRow]:
        rows = await next_batch(self, limit)
        await self.delete([row.id for row in rows])
        return rows

    yield Relay, "next_batch", take


@_planted
def _published_in_any_order(world: World) -> Iterator[tuple[object, str, object]]:
    published, chance = relay._published, world.broker.chance("mutation")

    async def shuffled(worker: Any, kafka: Any, rows: Sequence[outbox.OutboxRow]) -> bool:
        return await published(worker, kafka, chance.sample(rows, len(rows)))

    yield relay, "_published", shuffled


@_planted
def _decided_by_the_own_clock(_world: World) -> Iterator[tuple[object, str, object]]:
    yield (
        handle,
        "react",
        lambda history, command, cause, _sent_ms: react(history, command, cause, time.time_ns() // 1_000_000),
    )


@_planted
def _stale_state_believed(_world: World) -> Iterator[tuple[object, str, object]]:
    def state(self: Folded, service: str, _text: str) -> State | None:
        known = self._states.get(service)
        return known.state if known else None

    yield Folded, "state", state


@_planted
def _bad_message_costs_its_batch(_world: World) -> Iterator[tuple[object, str, object]]:
    decide = deciding._decide

    async def only_the_bad(worker: Any, inputs: Sequence[Input]) -> None:
        bad = [one for one in inputs if isinstance(one.command, RejectMessage)]
        await decide(worker, bad or inputs)

    yield deciding, "_decide", only_the_bad


@_planted
def _asleep_until_woken(_world: World) -> Iterator[tuple[object, str, object]]:
    yield relay, "_SWEEP_S", 1e9
    yield timers, "_LOOK_AGAIN_S", 1e9


@_planted
def _failed_poll_passed_over(_world: World) -> Iterator[tuple[object, str, object]]:
    async def stay(_consumer: Any) -> None:
        """Go on from where the failed poll has got to."""

    yield polling, "_go_back", stay


@_planted
def _acknowledged_beyond_a_gap(_world: World) -> Iterator[tuple[object, str, object]]:
    async def acknowledge_all(self: _Delivery) -> None:
        assert self._subscriber.consumer is not None
        with suppress(KafkaError):
            await self._subscriber.consumer.commit()

    yield _Delivery, "_acknowledge", acknowledge_all


@_planted
def _latest_of_a_service_first(_world: World) -> Iterator[tuple[object, str, object]]:
    take = Line.take

    def turned_round(self: Line, most: int) -> Records:
        for lane in self._waiting.values():
            lane.reverse()
        return take(self, most)

    yield Line, "take", turned_round


MUTATIONS: Final[dict[str, Mutation]] = {
    "the inbox is not asked": _inbox_not_asked,
    "published before the commit": _published_before_commit,
    "relayed after the last id seen": _relayed_after_the_last_id,
    "a gateway takes an older epoch": _old_epoch_accepted,
    "acknowledged before the commit": _acknowledged_before_commit,
    "acknowledged beyond a gap": _acknowledged_beyond_a_gap,
    "the latest of a service is decided first": _latest_of_a_service_first,
    "a timer fires in two transactions": _timer_fired_in_two_transactions,
    "the last of a batch is lost": _last_of_a_batch_lost,
    "a gateway stumbles over a tombstone": _tombstone_not_passed_over,
    "forgotten before it is published": _forgotten_before_published,
    "published in any order": _published_in_any_order,
    "decided by the decider's own clock": _decided_by_the_own_clock,
    "a state in memory is believed when another has decided": _stale_state_believed,
    "a bad message costs its neighbours": _bad_message_costs_its_batch,
    "asleep until woken": _asleep_until_woken,
    "what a failed poll had taken is passed over": _failed_poll_passed_over,
}
"""Every mistake by what it is called."""
