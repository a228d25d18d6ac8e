"""Faults one by one, each in the middle of a rollout or a rollback, and what became of it."""

import asyncio
import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from controller.core.events import RouteApplied, RouteSet
from controller.core.names import Release
from controller.core.stream import Fact
from tests.chaos.real.faults import Fault
from tests.chaos.real.hands import Hands
from tests.chaos.real.load import Users
from tests.chaos.real.proof import Proof, prove
from tests.chaos.real.stack import Stack, running_stack
from tests.journey.world import TONE, Reader
from triton_models.build import build

STABLE, CANDIDATE = "1.0.0", "2.0.0"
KEEPER = "keeper"
"""A service that has the candidate for its stable release, so that it stays loaded whatever the others do."""

_STUCK_S: Final = 60.0
_CHAT_EVERY_S: Final = 0.2
_AFTER_MS: Final = 5_000
"""Releases are asked again this long after they were seen to speak again: a gateway had left them alone."""


@dataclass(frozen=True, slots=True)
class Happened:
    """
    One fault and what became of it. began_ms, back_ms: when it was done, and when what was away was back.

    asked_ms: when the request or the alert was taken. followed_ms: when the last gateway followed what came of it, 0
    when none did. whole_ms: when every member was ready again.
    """

    fault: Fault
    stage: str
    member: str
    service: str
    began_ms: float
    asked_ms: float
    back_ms: float
    followed_ms: float
    whole_ms: float

    @property
    def recovery_s(self) -> float | None:
        """Return how long it took, as the fault's goal counts; None when it never ended."""
        if not self.followed_ms:
            return None
        since_ms = self.back_ms if self.fault.counted == "back" else self.asked_ms
        return max(0.0, (self.followed_ms - since_ms) / 1000)


class Run:
    """A stack under load, and faults that are done to it. happened: in their order. users: who speak meanwhile."""

    def __init__(self, stack: Stack, reader: Reader, hands: Hands, services: int, rate_per_s: float, seed: int) -> None:
        self.stack = stack
        self.reader = reader
        self.hands = hands
        self.happened: list[Happened] = []
        self._chance = random.Random(seed)  # noqa: S311  # no secret
        self.names = [f"service-{number}" for number in range(services)]
        self._resting: deque[str] = deque(self.names)
        self._climbing: deque[str] = deque()
        self._old, self._new = (_built(stack, version) for version in (STABLE, CANDIDATE))
        gateways = {name: stack.url(name) for name in stack.named("gateway")}
        self.users = Users(gateways, self.names, rate_per_s, seed)

    def prepare(self) -> None:
        """Give every service its first release."""
        self.hands.request(KEEPER, self._new)
        for name in self.names:
            self.hands.request(name, self._old)
        for name in (KEEPER, *self.names):
            assert self._wait(partial(self._followed, name, 0, climbing=False)), f"{name} was not installed"

    def befall(self, fault: Fault) -> Happened:
        """Do one thing to the stack while a rollout begins or is taken back, and wait until all is well."""
        stage = "rollout" if len(self._resting) > len(self._climbing) else "rollback"
        service = (self._resting if stage == "rollout" else self._climbing).popleft()
        member = self._chance.choice(self.stack.named(fault.kind))
        before = len(self._facts(service))
        began_ms = time.time() * 1000
        with fault.strike(self.stack, member):
            asking = _Asking(self.hands, service, stage, self._new)
        back_ms = time.time() * 1000
        asked_ms = asking.result()
        followed_ms = self._wait(partial(self._followed, service, before, climbing=stage == "rollout"))
        self._wait(self._whole_ms)
        happened = Happened(fault, stage, member, service, began_ms, asked_ms, back_ms, followed_ms, time.time() * 1000)
        self.happened.append(happened)
        if followed_ms:
            self._go_on(service, stage)
        return happened

    def _go_on(self, service: str, stage: str) -> None:
        if stage == "rollout":
            self._climbing.append(service)
        else:
            self.hands.order(service, "override", digest=self._new.digest)
            self._resting.append(service)

    def prove(self) -> Proof:
        """Say what the record proves of everything so far, once all is decided. Nobody may speak any more."""
        unheard = [(one.began_ms, one.whole_ms + _AFTER_MS) for one in self.happened if one.fault.users]
        return asyncio.run(prove(self.stack.database, self.stack.kafka, self.hands, self.users.spoken, unheard))

    def _whole_ms(self) -> float:
        """Return the time if every member is ready now, else 0."""
        return time.time() * 1000 if all(self.stack.ready(name) for name in self.stack.children) else 0

    def _followed(self, service: str, before: int, *, climbing: bool) -> float:
        """Return since when every gateway follows the first table after a position that is as expected; 0: not yet."""
        facts = self._facts(service)
        tables = [
            fact.event
            for fact in facts[before:]
            if isinstance(fact.event, RouteSet) and any(arm.role == "candidate" for arm in fact.event.arms) == climbing
        ]
        if not tables:
            return 0
        epoch = tables[0].epoch
        applied: dict[str, float] = {}
        for fact in facts:
            if isinstance(fact.event, RouteApplied) and fact.event.epoch >= epoch:
                applied.setdefault(fact.event.router, fact.event.applied_at_ms)
        gateways = self.stack.named("gateway")
        return max(applied.values()) if all(name in applied for name in gateways) else 0

    def _facts(self, service: str) -> list[Fact]:
        with self.reader.news:
            known = self.reader.facts[service]
            return [known[position] for position in sorted(known)]

    def _wait(self, found: Callable[[], float]) -> float:
        deadline = time.monotonic() + _STUCK_S
        while not (value := found()):
            if time.monotonic() > deadline:
                return 0
            with self.reader.news:
                self.reader.news.wait(0.05)
        return value


class _Asking:
    """Somebody who asks for a rollout or fires an alert, and goes on until it is taken."""

    def __init__(self, hands: Hands, service: str, stage: str, release: Release) -> None:
        self._asked_ms = 0.0

        def ask() -> None:
            if stage == "rollout":
                hands.request(service, release)
                self._asked_ms = time.time() * 1000
            else:
                self._asked_ms = hands.alert(service, release.version)

        self._thread = threading.Thread(target=ask, name="asking")
        self._thread.start()

    def result(self) -> float:
        """Wait until it was taken, and return when that was."""
        self._thread.join()
        return self._asked_ms


@contextmanager
def running(
    folder: Path, store: str, *, each: int = 2, services: int = 6, rate_per_s: float = 6, seed: int = 1
) -> Iterator[Run]:
    """
    Give a run on a stack of its own until the block ends.

    each: how many of each process, besides two deciders and two gateways. services: that roll out; people speak to
    them, at this rate all together.
    """
    counts = {"control": 2, "releases": each, "gateway": 2, "api": each}
    with ExitStack() as stack:
        parts = stack.enter_context(running_stack(folder, store, counts))
        reader = stack.enter_context(Reader(parts.kafka))
        hands = Hands(parts)
        stack.callback(hands.close)
        run = Run(parts, reader, hands, services, rate_per_s, seed)
        run.prepare()
        yield run


@contextmanager
def busy(run: Run) -> Iterator[None]:
    """Let people speak, and others publish all kinds of messages, until the block ends."""
    stop = threading.Event()
    chatting = threading.Thread(target=_chat, args=(run.hands, stop), name="chatter")
    with run.users.speaking():
        chatting.start()
        try:
            yield
        finally:
            stop.set()
            chatting.join()


def _chat(hands: Hands, stop: threading.Event) -> None:
    """Say in turn what is noted, what is refused, and what nobody can read."""
    for number in itertools.count():
        if stop.wait(_CHAT_EVERY_S):
            return
        service = f"{KEEPER}-{number % 5}"
        match number % 3:
            case 0:
                hands.alert(service, STABLE, "notify")
            case 1:
                hands.order(service, "pause")
            case 2:
                hands.nonsense(service)


def _built(stack: Stack, version: str) -> Release:
    frequency_hz = {STABLE: "440", CANDIDATE: "660"}[version]
    params = {"voice.frequency_hz": frequency_hz}
    return build(TONE, version, repository=stack.repository, build_time=datetime.now(UTC), params=params)
