"""
Two months of two services, in which rollouts end in every way there is; for reports worked out by hand.

Each of hibari's rollouts has its number in the comments; suzume gets its first release.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from controller.wire.inbound import Input
from controller.wire.messages import MessageType
from tests.journal.audited import OTHER, WATCHED
from tests.journal.messages import PLAN, SERVICE, message, release


def at(moment: str) -> int:
    """Return a time of 2026, such as 03-05T10:00:00, in milliseconds since 1970 UTC."""
    return round(datetime.fromisoformat(f"2026-{moment}").replace(tzinfo=UTC).timestamp() * 1000)


def months() -> Iterator[Input]:
    """Return the messages of those months, in the order in which they came."""
    yield from _began("1.0.0", "02-02T09:00:00", "02-02T09:00:30")  # 1: promoted as the first, after 30 s
    yield from _applied(1, a="02-02T09:00:31", b="02-02T09:00:31")
    yield from _began("1.1.0", "02-10T10:00:00", "02-10T10:10:00")
    yield _ordered(MessageType.PROMOTE, "02-10T12:00:00")  # 2: promoted after 7200 s
    # 3: failed. 1800 s with listeners; 0.26 s from the alert, which came 10 ms before it was decided, to router b.
    yield from _began("1.2.0", "02-20T08:00:00", "02-20T08:01:00")
    yield _measured("hibari-3", "02-20T08:15:00", 300)
    yield _alerted("1.2.0", "02-20T08:30:59.990", "02-20T08:31:00")
    yield from _applied(5, a="02-20T08:31:00.100", b="02-20T08:31:00.250")
    yield from _began("1.3.0", "02-28T23:50:00", "02-28T23:55:00")
    yield _ordered(MessageType.PROMOTE, "03-01T00:10:00")  # 4: promoted after 1200 s, and so one of March
    yield from _began("5.0.0", "03-03T00:00:00", "03-03T00:00:45", service=OTHER)
    # 5: failed by evidence. 11 s with listeners; no router told of the table, which was written 4 ms later.
    yield from _began("1.4.0", "03-05T10:00:00", "03-05T10:01:00", plan=WATCHED)
    yield _measured("hibari-5", "03-05T10:01:00", 500, failures=25)
    # 6: promoted after 120 s, and failed: 60 s as the candidate and 180 s as stable; 0.5 s from the order to router a.
    yield from _began("1.5.0", "03-10T10:00:00", "03-10T10:01:00")
    yield _measured("hibari-6", "03-10T10:01:20", 40)
    yield _ordered(MessageType.PROMOTE, "03-10T10:02:00")
    yield _ordered(MessageType.ROLLBACK, "03-10T10:05:00")
    yield from _applied(12, a="03-10T10:05:00.500")
    yield from _began("1.6.0", "03-12T10:00:00", "03-12T10:01:00")  # 7: superseded by the next
    # 8: taken back by an alert, which lena found to be false.
    yield from _began("1.7.0", "03-12T10:30:00", "03-12T10:31:00")
    yield _measured("hibari-8", "03-12T10:35:00", 7_000)
    yield _alerted("1.7.0", "03-12T10:39:59.500", "03-12T10:40:00")
    yield from _applied(16, a="03-12T10:40:01")
    yield _ordered(MessageType.MARK, "03-13T09:00:00", rollout="hibari-8", false_alarm=True)
    yield _asked("1.8.0", "03-15T10:00:00")  # 9: unheard, for there is no such release
    failed = {"ensemble": release("1.8.0").ensemble, "unknown": True, "reason": "there is none of that name"}
    yield message(MessageType.FAILED, "failed-1.8.0", at("03-15T10:00:05"), failed)
    yield from _began("1.9.0", "03-16T10:00:00", "03-16T10:01:00")
    yield _asked("1.3.0", "03-16T10:20:00")  # 10: withdrawn, for stable was asked for again
    yield from _began("2.0.0", "03-20T10:00:00", "03-20T10:01:00")
    yield _ordered(MessageType.PROMOTE, "03-20T10:30:00")  # 11: promoted after 1800 s
    yield from _began("2.1.0", "03-21T10:00:00", "03-21T10:01:00")
    yield _ordered(MessageType.PROMOTE, "03-21T11:00:00")  # 12: promoted after 3600 s, until
    # 13: somebody goes back to 1.3.0. So 12 failed: 3540 s as the candidate, 82,820 s as stable; 21.5 s to router b.
    yield _ordered(MessageType.ROLLBACK, "03-22T10:00:00", to="1.3.0")
    yield _ready("1.3.0", "03-22T10:00:20")
    yield from _applied(23, a="03-22T10:00:21", b="03-22T10:00:21.500")
    yield from _began("2.2.0", "03-31T10:00:00", "03-31T10:01:00")  # 14: still runs


def _began(version: str, asked: str, heard: str, *, plan: object = PLAN, service: str = SERVICE) -> Iterator[Input]:
    yield _asked(version, asked, plan=plan, service=service)
    yield _ready(version, heard, service)


def _asked(version: str, moment: str, *, plan: object = PLAN, service: str = SERVICE) -> Input:
    data = {"actor": "ci", "reason": "nightly", "release": asdict(release(version)), "plan": plan}
    return message(MessageType.REQUESTED, f"request-{moment}", at(moment), data, service)


def _ready(version: str, moment: str, service: str = SERVICE) -> Input:
    data = {"ensemble": release(version).ensemble, "load_s": 1.5, "probe_latency_s": 0.25, "probe_audio_s": 2.0}
    return message(MessageType.READY, f"ready-{moment}", at(moment), data, service)


def _ordered(type: MessageType, moment: str, **more: object) -> Input:
    data = {"actor": "lena", "reason": "listened to it", **more}
    return message(type, f"order-{moment}", at(moment), data)


def _alerted(version: str, received: str, sent: str) -> Input:
    data = {
        "fingerprint": "f00d",
        "alertname": "SpeechErrors",
        "status": "firing",
        "labels": {"severity": "critical", "service": SERVICE, "release": version},
        "starts_at": "2026-01-01T00:00:00Z",
        "received_at_ms": at(received),
        "release": version,
    }
    return message(MessageType.ALERT, f"alert-{version}", at(sent), data)


def _applied(epoch: int, **routers: str) -> Iterator[Input]:
    for router, moment in routers.items():
        data = {"router": router, "epoch": epoch, "applied_at_ms": at(moment)}
        yield message(MessageType.APPLIED, f"applied-{router}-{epoch}", at(moment) + 5, data)


def _measured(rollout: str, began: str, requests: int, *, failures: int = 0) -> Input:
    """Ten seconds of both arms, told of a second after they ended."""
    end_ms = at(began) + 10_000
    arms = {"candidate": _counted(requests, failures), "stable": _counted(500, 1)}
    data = {"rollout": rollout, "start_ms": at(began), "end_ms": end_ms, **arms}
    return message(MessageType.WINDOW, f"window/{rollout}/{end_ms}", end_ms + 1_000, data)


def _counted(requests: int, failures: int) -> dict[str, object]:
    blocks = requests // 10
    counts: dict[str, object] = {name: [[-33, requests - failures]] for name in ("latency", "ttfa", "rtf")}
    counts |= {"requests": requests, "failures": failures}
    return counts | {"blocks": blocks, "failed_blocks": min(failures, blocks)}
