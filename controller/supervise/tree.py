"""The tree: outside parts and our own processes, started side by side, watched, and ended in reverse order."""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from controller.core.errors import Broken
from controller.log import iso
from controller.outside.prometheus import PRODUCTION, Pace
from controller.parts.process import Process
from controller.settings import Settings
from controller.supervise.child import Child
from controller.supervise.members import outside_part, own_process
from controller.supervise.plan import PARTS, PROCESSES, Layout, Part, lay_out
from controller.supervise.record import Member, Record, only_one, write_record
from controller.supervise.tokens import Tokens, keep_tokens

Told = Callable[[str, str], None]
"""Called with a member's name and what became of it: "starting", "ready", "stopping", or a sentence about its port."""


def _quiet(name: str, what: str) -> None:
    """Tell nobody."""


class Tree:
    """
    A running Segue. As a context it ends everything it started when it is left, in reverse order.

    settings: as all its processes have them, addresses filled in. tokens: `tokens.of("operator")` and so on.
    """

    def __init__(self, layout: Layout, tokens: Tokens, members: Mapping[str, Process], told: Told) -> None:
        self.settings = layout.settings
        self.tokens = tokens
        self.layout = layout
        self.children: Mapping[str, Child] = {name: Child(one, self._changed) for name, one in members.items()}
        """What this tree started, by name, in the order of starting."""
        self._told = told
        self._started_at = iso(time.time())
        self._ending = threading.Event()
        self._recording = threading.Lock()

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap address."""
        return self.settings.kafka

    @property
    def gateway_url(self) -> str:
        """Where people ask for speech."""
        return self.layout.gateway_url

    @property
    def api_url(self) -> str:
        """Where Alertmanager and operators call."""
        return self.layout.api_url

    @property
    def prometheus_url(self) -> str:
        """Prometheus; empty when there is none."""
        return self.settings.prometheus

    @property
    def alertmanager_url(self) -> str:
        """Alertmanager; empty when there is none."""
        return self.settings.alertmanager

    def __getitem__(self, name: str) -> Child:
        """Return the member of this name ("kafka", "control", ...)."""
        try:
            return self.children[name]
        except KeyError as error:
            raise Broken(f"this tree started no {name}; it started {', '.join(self.children)}") from error

    def start(self) -> None:
        """Start everything, what is independent side by side. Raises what the first failing member raises."""
        try:
            self._together()
            self._changed()
        except BaseException:  # Ctrl-C while starting, too, leaves nothing behind
            self.stop()
            raise

    def stop(self) -> None:
        """End everything this tree started, in reverse order; nothing is left running."""
        self._ending.set()
        for child in self.children.values():
            child.release()
        # Ours first, then what they stand on; within these two, all at once.
        outside = {part.value for part in self.layout.parts}
        for group in ([c for n, c in self.children.items() if n not in outside], [self.children[n] for n in outside]):
            with ThreadPoolExecutor(max(1, len(group)), thread_name_prefix="stop") as pool:
                for ended in [pool.submit(self._end, child) for child in reversed(group)]:
                    ended.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _end(self, child: Child) -> None:
        if child.running:
            self._told(child.name, "stopping")
        child.stop()

    def _together(self) -> None:
        # A thread for each: whoever waits for the database must not keep it from having one.
        with ThreadPoolExecutor(2 + len(self.children), thread_name_prefix="start") as pool:
            try:
                before = [pool.submit(self._database)]
                if Part.KAFKA not in self.layout.parts:
                    before.append(pool.submit(self._topics))
                parts = [pool.submit(self._part(part)) for part in Part if part in self.layout.parts]
                own = [pool.submit(self._own(name, before)) for name in self.layout.processes]
                started = [*before, *parts, *own]
                done, _ = wait(started, return_when=FIRST_EXCEPTION)
                for one in done:
                    one.result()
            except BaseException:
                # Only here: whoever is ended while it starts fails, too, and what failed first is to be told. The pool
                # waits for its threads; they end as soon as what they wait for is gone.
                self.stop()
                raise

    def _part(self, part: Part) -> Callable[[], None]:
        start = self._starter(part.value)
        if part is not Part.KAFKA:
            return start

        def start_with_topics() -> None:
            start()
            self._topics()

        return start_with_topics

    def _own(self, name: str, before: Sequence[Future[None]]) -> Callable[[], None]:
        # They end at a schema that is not the newest. A Kafka that is not ours may make a topic for whoever asks for it
        # first, with a number of partitions that then stays. Ours makes none: for it and its topics they wait by
        # themselves, and import their libraries meanwhile, which takes longer.
        start = self._starter(name)

        def start_after() -> None:
            for one in before:
                one.result()
            start()

        return start_after

    def _starter(self, name: str) -> Callable[[], None]:
        def start() -> None:
            if self._ending.is_set():
                return
            self._told(name, "starting")
            self.children[name].start()
            self._told(name, "ready")

        return start

    def _topics(self) -> None:
        # Here, as below: Kafka takes a second to start, in which its client is imported.
        from controller.outside.kafka import ensure_topics

        if not self._ending.is_set():
            ensure_topics(self.settings.brokers, self.settings.topic_prefix)
            self._told("topics", "ready")

    def _database(self) -> None:
        from controller.journal.glance import is_newest

        if not is_newest(self.settings.database):
            # Only here: with it comes SQLAlchemy, which takes as long to import as everything before.
            from controller.journal.schema import upgrade

            upgrade(self.settings.database)
        self._told("database", "ready")

    def _changed(self) -> None:
        if self._ending.is_set():
            return
        members = tuple(
            Member(
                child.name,
                child.pid,
                child.restarts,
                str(child.process.program.log),
                self.layout.ready_url(child.name) if child.name in self.layout.processes else "",
            )
            for child in self.children.values()
        )
        addresses = {
            "kafka": self.kafka,
            "topic_prefix": self.settings.topic_prefix,
            "gateway_url": self.gateway_url,
            "api_url": self.api_url,
            "prometheus": self.prometheus_url,
            "alertmanager": self.alertmanager_url,
            "triton_http": self.settings.triton_http,
            "triton_grpc": self.settings.triton_grpc,
        }
        with self._recording:
            write_record(self.settings.data, Record(os.getpid(), self._started_at, addresses, members))


@contextmanager
def start_tree(
    settings: Settings,
    *,
    parts: Collection[Part] = PARTS,
    processes: Collection[str] = PROCESSES,
    free_ports: bool = False,
    pace: Pace = PRODUCTION,
    told: Told = _quiet,
) -> Iterator[Tree]:
    """
    Start Segue on this machine and end it when the context is left.

    settings: an outside part whose address they give is used, not started. parts, processes: what may be started at
    all; a part neither given nor in `parts` is done without. free_ports: take free ports, whatever settings say.
    pace: how fast the rules of a Prometheus that we start speak. told: hears of each member that starts or is ready.
    Raises Broken or Unavailable when a member cannot start; nothing is left running then.
    """
    with only_one(settings.data):
        layout = lay_out(settings, parts, processes, free_ports=free_ports)
        for one in layout.moved:
            told(one.part, f"another program listens on port {one.usual}, so {one.port} is used instead")
        tokens = keep_tokens(layout.settings.data, settings.tokens)
        layout = replace(layout, settings=replace(layout.settings, tokens=tokens.by_token))
        members = {part.value: outside_part(part, layout, tokens, pace) for part in Part if part in layout.parts}
        members |= {name: own_process(name, layout, tokens) for name in layout.processes}
        with Tree(layout, tokens, members, told) as tree:
            tree.start()
            yield tree
