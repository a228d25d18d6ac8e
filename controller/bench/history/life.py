"""
One service's year: releases that are watched for hours and promoted, or taken back by evidence, alerts and people.

The messages are decided as they are made, for a timer is due when the state says so, and routers report what was set.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import sha256
from random import Random
from typing import Final

from controller.core.errors import Malformed
from controller.core.names import Release
from controller.core.state import timers
from controller.core.stream import begin, react
from controller.journal.append import Link, chain
from controller.journal.heads import Head
from controller.journal.inbox import Decided
from controller.wire.codec import GENESIS_HASH
from controller.wire.envelope import HEADERS, encode
from controller.wire.inbound import Input, Received, read, rejected
from controller.wire.messages import MESSAGES, MessageType
from controller.wire.topics import Topic

DAY_MS: Final = 86_400_000
YEAR_BEGINS_MS: Final = 1_735_689_600_000
"""2025-01-01 in UTC."""

_LIVED_DAYS: Final = 400
_WINDOW_MS: Final = 10_000
_OTHERS: Final = 20
"""Facts of a rollout that are no windows, about."""
_ROUTERS: Final = (("gateway@a", 30), ("gateway@b", 80))
_PEOPLE: Final = ("lena", "tomo", "ann", "kei", "noor")


class Ending(StrEnum):
    """What becomes of a rollout."""

    PROMOTED = "promoted"
    ALERT = "alert"
    EVIDENCE = "evidence"
    ORDER = "order"
    REVERTED = "reverted"
    SUPERSEDED = "superseded"


_ENDINGS: Final = dict(zip(Ending, (55, 12, 12, 8, 8, 5), strict=True))
"""How often, in a hundred."""


@dataclass(slots=True)
class Life:
    """A service, everything that was said to it, and what followed."""

    service: str
    random: Random
    head: Head = field(init=False)
    links: list[Link] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin before the first message."""
        self.head = Head(begin(self.service), GENESIS_HASH)

    def say(self, type: MessageType, id: str, at_ms: int, source: str, **data: object) -> None:
        """Take in what was due before, then a message, then the routers' words about the table that it led to."""
        while True:
            due = [one for one in timers(self.head.history.state) if one.due_ms < at_ms]
            if not due:
                break
            one = min(due, key=lambda timer: timer.due_ms)
            name = f"timer/{self.service}/{one.kind.value}/{one.epoch}"
            elapsed: dict[str, object] = {"kind": one.kind.value, "epoch": one.epoch}
            self._message(MessageType.ELAPSED, name, one.due_ms + 7, "segue/timers", elapsed)
        self._message(type, id, at_ms, source, data)

    def unreadable(self, at_ms: int) -> None:
        """Take in a message that is none."""
        value = b'{"service": "' + self.service.encode() + b'"'
        record = Received(Topic.REQUESTED, 2, self._offset(), self.service.encode(), value, (), at_ms)
        self._take(rejected(record, Malformed(f"message is no JSON: it ends at character {len(value)}")))

    def _message(self, type: MessageType, id: str, at_ms: int, source: str, data: dict[str, object]) -> None:
        # A sender's id names one message of all that it ever sent, whichever service that was about.
        id = id if self.service in id else f"{id}/{self.service}"
        topic = next(topic for topic, types in MESSAGES.items() if type in types)
        body = encode(type, source, id, self.service, data, at_ms)
        epoch = self.head.history.state.epoch
        self._take(read(Received(topic, 0, self._offset(), self.service.encode(), body, HEADERS, at_ms)))
        if (set_now := self.head.history.state.epoch) != epoch:
            for router, after_ms in _ROUTERS:
                said: dict[str, object] = {"router": router, "epoch": set_now, "applied_at_ms": at_ms + after_ms}
                applied = f"applied-{router}-{set_now}"
                self._message(MessageType.APPLIED, applied, at_ms + after_ms + 5, router, said)

    def _offset(self) -> int:
        return len(self.decided)

    def _take(self, one: Input) -> None:
        before = self.head.history.position
        links, self.head = chain(self.head, react(self.head.history, one.command, one.id, one.sent_ms))
        self.links += links
        self.decided.append(Decided(one, before, len(links)))


def live(service: str, seed: int, facts: int, rollouts: int) -> Life:
    """Return a year of so many facts or a few more, in about so many rollouts; the same seed gives the same year."""
    life = Life(service, Random(seed))  # noqa: S311  # a made-up life, no secret
    gap_ms = _LIVED_DAYS * DAY_MS // (rollouts + 1)
    at_ms = YEAR_BEGINS_MS + life.random.randrange(gap_ms // 2)
    _install(life, at_ms)
    endings = life.random.choices(list(_ENDINGS), list(_ENDINGS.values()), k=rollouts)
    for number, ending in enumerate(endings, start=1):
        at_ms += gap_ms // 2 + life.random.randrange(gap_ms // 2)
        windows = max(6, (facts - len(life.links)) // (rollouts + 1 - number) - _OTHERS)
        _roll_out(life, f"1.{number}.0", at_ms, windows, ending)
    while (lacking := facts - len(life.links)) > 0:
        at_ms += DAY_MS
        _roll_out(life, f"2.{len(life.links)}.0", at_ms, max(6, min(lacking - _OTHERS, windows)), Ending.PROMOTED)
    return life


def _install(life: Life, at_ms: int) -> None:
    _request(life, "1.0.0", at_ms)
    _ready(life, "1.0.0", at_ms + 40_000)


def _roll_out(life: Life, version: str, at_ms: int, windows: int, ending: Ending) -> None:
    random, rollout = life.random, f"{life.service}-{life.head.history.state.rollouts + 1}"
    if random.random() < 0.05:
        life.unreadable(at_ms - 60_000)
    _request(life, version, at_ms, windows)
    at_ms += random.randrange(40_000, 90_000)
    _ready(life, version, at_ms)
    # Promoted within its year, or ended by what is drawn, somewhere on its way.
    last = windows if ending in (Ending.PROMOTED, Ending.REVERTED) else random.randrange(windows // 3, windows)
    for number in range(last):
        at_ms += _WINDOW_MS
        if (running := life.head.history.state.rollout) is None or running.id != rollout:
            break
        worse = ending is Ending.EVIDENCE and number > last // 2
        _window(life, rollout, at_ms, worse)
        if number == windows // 4 and random.random() < 0.3:
            _person(life, MessageType.PAUSE, at_ms + 3_000, "the pager is loud already")
            _person(life, MessageType.RESUME, at_ms + 9_000, "it was another service")
    at_ms += _WINDOW_MS
    if ending is Ending.ALERT:
        _alert(life, version, at_ms)
    elif ending is Ending.SUPERSEDED:
        _request(life, f"{version}-hotfix", at_ms)
        _ready(life, f"{version}-hotfix", at_ms + 50_000)
        _person(life, MessageType.PROMOTE, at_ms + 60_000, "the radio play is tonight")
    elif ending is Ending.ORDER:
        _person(life, MessageType.ROLLBACK, at_ms, "sounds flat")
    elif ending is Ending.REVERTED:
        _person(life, MessageType.ROLLBACK, at_ms + 240_000, "listeners hear clicks")
    _afterwards(life, version, at_ms + 8 * 3_600_000)


def _afterwards(life: Life, version: str, at_ms: int) -> None:
    state = life.head.history.state
    _alert(life, "9.9.9", at_ms)
    if state.is_quarantined(digest := _release(life.service, version).digest):
        if life.random.random() < 0.3:
            _request(life, version, at_ms + 60_000)
        if life.random.random() < 0.1:
            _person(life, MessageType.OVERRIDE, at_ms + 90_000, "the alert was the network's", digest=digest)
    if life.random.random() < 0.05:
        _person(life, MessageType.PAUSE, at_ms + 120_000, "wait for the mixer")


def _request(life: Life, version: str, at_ms: int, windows: int = 60) -> None:
    hold_s = windows * _WINDOW_MS // 2000
    plan = {
        "name": "watched",
        "steps": [{"weight_bp": 500, "hold_s": hold_s}, {"weight_bp": 5000, "hold_s": hold_s}],
        "gates": [{"name": "evidence", "kind": "evidence"}],
        "evidence": {"metrics": ["errors", "latency", "ttfa"]},
        "guard_s": 3600,
    }
    asked = asdict(_release(life.service, version))
    life.say(
        MessageType.REQUESTED, f"request-{version}-{at_ms}", at_ms, "ci", actor="ci", reason="nightly", release=asked,
        plan=plan, service=life.service,
    )  # fmt: skip


def _release(service: str, version: str) -> Release:
    digest = f"sha256:{sha256(version.encode()).hexdigest()}"
    return Release(service, version, f"{service}__{version}", digest, 44_100, 80.0, "2025-01-01T00:00:00Z")


def new_release(service: str, version: str) -> dict[str, object]:
    """Return a release as a request names it."""
    return asdict(_release(service, version))


def _ready(life: Life, version: str, at_ms: int) -> None:
    ensemble = _release(life.service, version).ensemble
    life.say(
        MessageType.READY, f"ready-{version}-{at_ms}", at_ms, "releases", ensemble=ensemble, load_s=1.5,
        probe_latency_s=0.25, probe_audio_s=2.0,
    )  # fmt: skip


def _person(life: Life, order: MessageType, at_ms: int, reason: str, **more: object) -> None:
    who = life.random.choice(_PEOPLE)
    life.say(order, f"order-{order.value}-{at_ms}", at_ms, "cli", actor=who, reason=reason, **more)


def _alert(life: Life, version: str, at_ms: int) -> None:
    labels = {"severity": "critical", "service": life.service, "release": version}
    life.say(
        MessageType.ALERT, f"alert-{version}-{at_ms}", at_ms, "alertmanager", fingerprint=f"f{at_ms:x}",
        alertname="SpeechErrors", status="firing", labels=labels, starts_at="2025-01-01T00:00:00Z",
        received_at_ms=at_ms - 3, release=version,
    )  # fmt: skip


def _window(life: Life, rollout: str, at_ms: int, worse: bool) -> None:
    end_ms = at_ms - 1_000
    life.say(
        MessageType.WINDOW, f"window/{rollout}/{end_ms}", at_ms, "segue/observer", rollout=rollout,
        start_ms=end_ms - _WINDOW_MS, end_ms=end_ms,
        candidate=_counted(life.random, 60, 0.3 if worse else 0.002), stable=_counted(life.random, 140, 0.002),
    )  # fmt: skip


def _counted(random: Random, about: int, share: float) -> dict[str, object]:
    requests = about + random.randrange(-9, 10)
    failures = sum(random.random() < share for _ in range(requests))
    fine, blocks = requests - failures, requests // 10
    counts: dict[str, object] = {"requests": requests, "failures": failures}
    for name, bucket in (("latency", -33), ("ttfa", -45)):
        slow = sum(random.random() < 0.05 for _ in range(fine))
        counts[name] = [[place, count] for place, count in ((bucket, fine - slow), (bucket + 2, slow)) if count]
    return counts | {"blocks": blocks, "failed_blocks": min(failures, blocks)}
