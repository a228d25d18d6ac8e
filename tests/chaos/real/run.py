"""Faults one by one, each in the middle of a rollout or a rollback, and what became of it."""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from controller.core.names import Release
from controller.core.stream import Fact
from tests.chaos.real.asking import Asking, chatting, now_ms
from tests.chaos.real.building import running_stack
from tests.chaos.real.faults import Fault
from tests.chaos.real.hands import Hands
from tests.chaos.real.load import Users
from tests.chaos.real.proof import Proof, prove
from tests.chaos.real.stack import Stack
from tests.chaos.real.standing import climbs, followed_ms
from tests.chaos.real.strikes import NeverCame
from tests.journey.world import TONE, Reader
from triton_models.build import build

_log = logging.getLogger(__name__)

STABLE, CANDIDATE = "1.0.0", "2.0.0"
KEEPER = "keeper"
"""A service that has the candidate for its stable release, so that it stays loaded whatever the others do."""

_STUCK_S: Final = 60.0
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
        # What was taken only after all was back cannot be followed before.
        since_ms = max(self.back_ms, self.asked_ms) if self.fault.counted == "back" else self.asked_ms
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
        self._turns = deque(self.names)
        self._old, self._new = (_built(stack, version) for version in (STABLE, CANDIDATE))
        gateways = {name: stack.url(name) for name in stack.named("gateway")}
        self.users = Users(gateways, self.names, rate_per_s, seed)

    def prepare(self) -> None:
        """Give every service its first release."""
        self.hands.request(KEEPER, self._new, self.stack.candidate)
        for name in self.names:
            self.hands.request(name, self._old, self.stack.stable)
        for name in (KEEPER, *self.names):
            assert self._wait(partial(self._followed_ms, name, 0, climbing=False)), f"{name} was not installed"

    def befall(self, fault: Fault) -> Happened:
        """Do one thing to the stack while a rollout begins or is taken back, and wait until all is well."""
        service = self._turns[0]
        stage = self._stage(service)
        if fault.stage not in ("", stage):
            self._do(service, stage)
            stage = self._stage(service)
        self._turns.rotate(-1)
        if stage == "rollout":
            self._permit(service)
        member = self._chance.choice(self.stack.named(fault.kind) or [fault.kind])
        before = len(self._facts(service))
        began_ms = now_ms()
        came = True
        try:
            with fault.strike(self.stack, member):
                asking = Asking(partial(self._ask, service, stage))
        except NeverCame as why:
            _log.error("%s: %s", fault.name, why)
            came = False
        back_ms = now_ms()
        asked_ms = asking.result()
        climbing = stage == "rollout"
        follow_ms = self._wait(partial(self._followed_ms, service, before, climbing=climbing)) if came else 0
        self._wait(self._whole_ms)
        happened = Happened(fault, stage, member, service, began_ms, asked_ms, back_ms, follow_ms, now_ms())
        self.happened.append(happened)
        return happened

    def _do(self, service: str, stage: str) -> None:
        """Bring a service to its other stage, without any fault."""
        if stage == "rollout":
            self._permit(service)
        before = len(self._facts(service))
        self._ask(service, stage)
        assert self._wait(partial(self._followed_ms, service, before, climbing=stage == "rollout")), service

    def _permit(self, service: str) -> None:
        """Let the candidate return: it was taken back the last time."""
        id = self.hands.order(service, "override", digest=self._new.digest)
        assert self._wait(lambda: any(id in fact.cause for fact in self._facts(service))), service

    def _stage(self, service: str) -> str:
        """Say what is next for a service: it may have been taken back by itself, too."""
        return "rollback" if climbs(self._facts(service)) else "rollout"

    def _ask(self, service: str, stage: str) -> float:
        if stage == "rollback":
            return self.hands.alert(service, self._new.version)
        return self.hands.request(service, self._new, self.stack.candidate)

    def prove(self) -> Proof:
        """Say what the record proves of everything so far, once all is decided. Nobody may speak any more."""
        unheard = [(one.began_ms, one.whole_ms + _AFTER_MS) for one in self.happened if one.fault.users]
        return asyncio.run(prove(self.stack.database, self.stack.kafka, self.hands, self.users.spoken, unheard))

    def _whole_ms(self) -> float:
        """Return the time if every member is ready now, else 0."""
        return now_ms() if all(self.stack.ready(name) for name in self.stack.children) else 0

    def _followed_ms(self, service: str, before: int, *, climbing: bool) -> float:
        return followed_ms(self._facts(service), before, self.stack.named("gateway"), climbing=climbing)

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
    with run.users.speaking(), chatting(run.hands, KEEPER, STABLE):
        yield


def _built(stack: Stack, version: str) -> Release:
    frequency_hz = {STABLE: "440", CANDIDATE: "660"}[version]
    params = {"voice.frequency_hz": frequency_hz}
    return build(TONE, version, repository=stack.repository, build_time=datetime.now(UTC), params=params)
