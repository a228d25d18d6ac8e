"""
One run: processes begin, inputs arrive, faults strike, processes come back, and after a while all must be settled.

Two of everything. Each of the two control processes hosts all functions of `segue run`, the gateways follow and report.
What is lost with a process is what was in its memory; the stores and Kafka are there for all.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from consumers import delivery, line
from consumers.run import host
from consumers.worker import Readiness, Worker
from controller.core.routing import RoutingTable
from controller.gateway.follow import Follower
from controller.gateway.metrics import Metrics
from controller.gateway.report import Reporter
from controller.gateway.tables import Tables
from controller.gateway.underway import UnderWay
from controller.settings import Settings
from controller.wire.topics import DECIDED_BY, Topic, group_name
from tests.simulation import sql
from tests.simulation.broker import SESSION_S, Broker
from tests.simulation.clock import seeded, simulated_time
from tests.simulation.consumer import Consumer
from tests.simulation.faults import Faults
from tests.simulation.hearing import heard
from tests.simulation.loop import Loop
from tests.simulation.process import NOBODY, Process
from tests.simulation.producer import Producer
from tests.simulation.schedule import Event, Fault, Schedule, Sent
from tests.simulation.settled import unsettled
from tests.simulation.verdict import judge
from tests.simulation.watch import Found, Watch

FUNCTIONS: Final = ("rollouts", "orders", "alerts", "signals", "relay", "timers")
_SHORTEST_S: Final = 0.5
_LOOK_S: Final = 1.0
_PATIENCE_S: Final = 200.0


class World:
    """Everything there is in one run."""

    def __init__(self, schedule: Schedule, folder: Path) -> None:
        self.schedule = schedule
        self.watch = Watch()
        self.faults = Faults(schedule.faults)
        self.log: list[str] = []
        self._settings = Settings(data=folder, kafka="simulated:9092", router="")
        self.loop = Loop(seeded(schedule.seed, "loop"), self._killed)
        self.broker = Broker(self.loop, schedule.seed, schedule.partitions, self.faults, self.watch)
        self.bells = sql.Bells()
        self.sequence = sql.Sequence()
        self.processes: dict[str, Process] = {}
        self.tables: dict[str, Tables] = {}
        self.reporters: dict[str, Reporter] = {}
        self.struck: list[Event] = []
        self.steps = 0
        self._lives = 0
        self._back_in_s: dict[str, float] = {}

    def run(self) -> list[Found]:
        """Live through the schedule; return the promises that were broken, none if all is well."""
        sql.empty()
        try:
            self.loop.run_until_complete(self._main())
        except AssertionError as error:
            self.watch.say("stuck", f"the simulation ended early: {error}")
        finally:
            self.loop.close()
            self.struck += self.faults.struck
        return self.watch.found

    async def _main(self) -> None:
        try:
            await self._live()
        finally:
            for process in self.processes.values():
                self.steps += process.steps if process.alive else 0
                process.kill()

    async def _live(self) -> None:
        for group, topic in ((group_name(name, ""), topic) for topic, name in DECIDED_BY.items()):
            self.broker.group(group, topic)
        for name in (*self.schedule.control, *self.schedule.gateways):
            self._begin(name)
        for sent in self.schedule.inputs:
            self.loop.call_at(sent.at_s, self._arrive, sent)
        for event in self.schedule.faults:
            if event.fault in _HAPPEN:
                self.loop.call_at(event.at_s, self._strike, event)
        patient_until_s = self.schedule.ends_s + _PATIENCE_S
        await asyncio.sleep(self.schedule.ends_s + _LOOK_S)
        while (left := unsettled(self)) and not self.watch.found:
            if self.loop.time() > patient_until_s:
                self.watch.say("stuck", f"after {self.loop.time():.0f} s there is still {left}")
                return
            await asyncio.sleep(_LOOK_S)

    def _arrive(self, sent: Sent) -> None:
        self._note(str(sent))
        self.broker.append(self.broker.partition_of(sent.topic, sent.key), sent.key, sent.value, sent.headers)

    def _begin(self, name: str) -> None:
        self._lives += 1
        process = self.processes[name] = Process(name)
        process.start(self._control(process) if name.startswith("control") else self._gateway(process, self._lives))

    async def _control(self, process: Process) -> None:
        file = self._settings.data / "segue.db"
        store = sql.SimulatedStore(file, self.broker, self.bells, self.sequence, self.watch.committed)
        stopping, readiness = asyncio.Event(), Readiness()
        await host([Worker(name, self._settings, store, stopping, readiness) for name in FUNCTIONS])

    async def _gateway(self, process: Process, life: int) -> None:
        tables = self.tables[process.name] = Tables(Metrics())
        reporter = self.reporters[process.name] = Reporter(self._settings.kafka, "", process.name)
        under_way = UnderWay(reporter.drained)

        def applied(table: RoutingTable, at_ms: int) -> None:
            self.watch.applied(f"{process.name}/{life}", table)
            reporter.applied(table, under_way.applied(table), at_ms)

        follower = Follower(self._settings.kafka, "", tables, applied)
        await asyncio.gather(follower.run(), reporter.run())

    def _strike(self, event: Event) -> None:
        self._note(str(event))
        if event.fault is not Fault.KILLED:
            self.struck.append(event)
        _HAPPEN[event.fault](self, event)

    def _kill(self, event: Event) -> None:
        process = self.processes[event.process]
        if process.alive:
            self._back_in_s[event.process] = max(_SHORTEST_S, event.for_s)
            process.kill_at_step = process.steps + event.count

    def _killed(self, process: Process) -> None:
        self._note(f"{process.name} is killed before its step {process.steps + 1}")
        self.struck.append(Event(Fault.KILLED, process.name, self.loop.time(), process.steps))
        self.steps += process.steps
        process.kill()
        NOBODY.run(self.loop.call_later, SESSION_S, self.broker.expire, process)
        NOBODY.run(self.loop.call_later, self._back_in_s[process.name], self._begin, process.name)

    def _stop(self, event: Event) -> None:
        process = self.processes[event.process]
        process.stopped = True
        if event.for_s > SESSION_S:
            self.loop.call_later(SESSION_S, self.broker.expire, process)
        self.loop.call_later(event.for_s, self.loop.resume, process)

    def _rebalance(self, _event: Event) -> None:
        self.broker.rebalance()

    def _away(self, event: Event) -> None:
        self.broker.away_until_s = event.at_s + event.for_s

    def _compact(self, _event: Event) -> None:
        for partition in self.broker.partitions(Topic.TABLE):
            self.broker.log(partition).compact()

    def _note(self, what: str) -> None:
        self.log.append(f"{self.loop.time():8.3f}  {what}")


_HAPPEN: Final = {
    Fault.KILLED: World._kill,
    Fault.STOPPED: World._stop,
    Fault.REBALANCED: World._rebalance,
    Fault.KAFKA_AWAY: World._away,
    Fault.COMPACTED: World._compact,
}


Mutation = Callable[[World], AbstractContextManager[None]]
"""Plants a mistake into Segue for as long as the block runs."""


def simulate(schedule: Schedule, mutation: Mutation | None = None) -> World:
    """Live through a schedule, and return the world as it is afterwards; `watch.found` says what was wrong."""
    with TemporaryDirectory(dir=_memory()) as folder, _outside(schedule, Path(folder)) as world:
        with mutation(world) if mutation else nullcontext():
            found = world.run()
        if not found:
            judge(world)
        return world


@contextmanager
def _outside(schedule: Schedule, folder: Path) -> Iterator[World]:
    """Put what is simulated where Segue meets the outside."""
    world = World(schedule, folder)
    with ExitStack() as stack:
        stack.enter_context(simulated_time(world.loop, seeded(schedule.seed, "time")))
        stack.enter_context(heard(world.watch.say))
        stack.enter_context(patch.object(delivery, "BATCH", schedule.batch))
        stack.enter_context(patch.object(line, "FEW", schedule.batch))
        for place, kind in _CLIENTS.items():
            stack.enter_context(patch(place, partial(kind, world.broker)))
        for place in _KNOCKS:
            stack.enter_context(patch(place, _heard_at_once))
        yield world


_CLIENTS: Final[dict[str, type]] = {
    "aiokafka.AIOKafkaConsumer": Consumer,
    "controller.gateway.follow.AIOKafkaConsumer": Consumer,
    "controller.gateway.report.AIOKafkaProducer": Producer,
    "consumers.producing.AIOKafkaProducer": Producer,
}

_KNOCKS: Final = ("controller.gateway.follow.until_listening", "controller.gateway.report.until_listening")


async def _heard_at_once(_kafka: object, _told: object) -> None:
    """Somebody always listens here; who is not let in learns it when the client starts."""


def _memory() -> str | None:
    """Return where files never reach a disk, if there is such a place."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # only the relay's lock lies there
