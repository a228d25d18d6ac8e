"""
A day of two services, as an auditor finds it: four releases of hibari that ended in four ways, and one that runs.

1.5.0 was proven worse, 1.6.0 taken back by an alert, 1.7.0 promoted and given back by a person, 1.8.0 has its first
listeners. The journal was written 4 ms after each message came, on every store, so that every row can be compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, insert, select, text

from controller.core.errors import Malformed
from controller.handle import handle
from controller.journal import Store, open_store
from controller.journal.rebuild import rebuild
from controller.journal.schema import upgrade
from controller.journal.tables import inbox, journal
from controller.wire.inbound import Input, Received, rejected
from controller.wire.messages import MessageType
from controller.wire.topics import Topic
from tests.journal.messages import PLAN, SERVICE, message, release

OTHER: Final = "suzume"
WATCHED: Final = {
    "name": "watched",
    "steps": [{"weight_bp": 500, "hold_s": 600}, {"weight_bp": 5000, "hold_s": 600}],
    "gates": [{"name": "evidence", "kind": "evidence"}],
}
_RECORDED_AFTER_MS: Final = 4


def at(clock: str) -> int:
    """Return a time of that day, such as 10:01:00 or 10:01:00.250, in milliseconds since 1970 UTC."""
    moment = datetime.fromisoformat(f"2026-03-02T{clock}").replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


async def audited(store: Store, folder: Path) -> None:
    """Fill an empty store with that day. folder: where a scratch database may be."""
    await filled(store, folder, day())


async def filled(store: Store, folder: Path, messages: Iterable[Input]) -> None:
    """Fill an empty store with what these messages lead to, as if each had been decided 4 ms after it came."""
    rows = await _recorded(folder, messages)

    def copy(connection: Connection) -> None:
        for table, found in zip((inbox, journal), rows, strict=True):
            connection.execute(insert(table), found)

    await store.write(copy)
    await rebuild(store)


def day() -> Iterator[Input]:
    """Return the messages of that day, in the order in which they came."""
    yield from _installed(SERVICE, "1.4.0", "09:00:00", "09:00:30")
    yield from _applied(1, "09:00:30.100", "09:00:30.250")
    yield from _installed(OTHER, "2.0.0", "09:30:00", "09:30:30")
    yield from _proven_worse()
    yield from _taken_back_by_alert()
    yield from _given_back_by_tomo()
    yield from _turned_down()
    yield _ordered(
        MessageType.MARK, "13:30:00", "lena", "the network lost packets", rollout="hibari-3", false_alarm=True
    )
    yield _requested("1.8.0", "14:00:00")
    yield _ready("1.8.0", "14:01:00")
    yield _window("hibari-5", "14:01:00", 200, 1)


def _proven_worse() -> Iterator[Input]:
    yield _requested("1.5.0", "10:00:00", plan=WATCHED)
    yield _ready("1.5.0", "10:01:00")
    yield from _applied(2, "10:01:00.080", "10:01:00.110")
    yield _window("hibari-2", "10:01:00", 500, 25)
    yield from _applied(3, "10:01:11.060", "10:01:11.095")


def _taken_back_by_alert() -> Iterator[Input]:
    yield _requested("1.6.0", "11:00:00")
    yield _ready("1.6.0", "11:01:00")
    yield _ordered(MessageType.PAUSE, "11:02:00", "lena", "the pager is loud already")
    yield _ordered(MessageType.RESUME, "11:05:00", "lena", "it was another service")
    yield _window("hibari-3", "11:05:30", 480, 2)
    yield _ordered(MessageType.ADVANCE, "11:06:00", "lena", "sounds good to me")
    yield _window("hibari-3", "11:06:30", 5200, 40)
    fired = {
        "fingerprint": "f00d",
        "alertname": "SpeechErrors",
        "status": "firing",
        "labels": {"severity": "critical", "service": SERVICE, "release": "1.6.0"},
        "starts_at": "2026-03-02T11:09:58Z",
        "received_at_ms": at("11:09:59.997"),
        "release": "1.6.0",
    }
    yield message(MessageType.ALERT, "f00d-firing", at("11:10:00"), fired)
    yield from _applied(6, "11:10:00.009", "11:10:00.013")
    yield _reported(6, "gateway@c", "11:40:00")


def _given_back_by_tomo() -> Iterator[Input]:
    yield _requested("1.7.0", "12:00:00")
    yield _ready("1.7.0", "12:01:00")
    yield _ordered(MessageType.PROMOTE, "12:02:00", "lena", "the radio play is tonight")
    yield _ordered(MessageType.ROLLBACK, "12:05:00", "tomo", "listeners hear clicks")
    yield from _applied(9, "12:05:00.011", "12:05:00.020")


def _turned_down() -> Iterator[Input]:
    yield _requested("1.6.0", "13:00:00")
    yield _ordered(
        MessageType.OVERRIDE, "13:05:00", "lena", "the alert was the network's", digest=release("1.6.0").digest
    )
    yield _ordered(MessageType.PAUSE, "13:06:00", "tomo", "wait for the mixer")
    broken = Received(Topic.REQUESTED, 2, 17, SERVICE.encode(), b'{"service": "hibari"', (), at("13:07:00"))
    yield rejected(broken, Malformed("message is no JSON: it ends at character 20"))


def _installed(service: str, version: str, asked: str, heard: str) -> Iterator[Input]:
    yield _requested(version, asked, service=service)
    yield _ready(version, heard, service=service)


def _requested(version: str, clock: str, *, plan: object = PLAN, service: str = SERVICE) -> Input:
    data = {"actor": "ci", "reason": "nightly", "release": asdict(release(version)), "plan": plan}
    return message(MessageType.REQUESTED, f"request-{version}-{clock}", at(clock), data, service)


def _ready(version: str, clock: str, service: str = SERVICE) -> Input:
    data = {"ensemble": release(version).ensemble, "load_s": 1.5, "probe_latency_s": 0.25, "probe_audio_s": 2.0}
    return message(MessageType.READY, f"ready-{version}", at(clock), data, service)


def _ordered(type: MessageType, clock: str, actor: str, reason: str, **more: object) -> Input:
    return message(type, f"order-{clock}", at(clock), {"actor": actor, "reason": reason, **more})


def _applied(epoch: int, *clocks: str) -> Iterator[Input]:
    for router, clock in zip(("gateway@a", "gateway@b"), clocks, strict=True):
        yield _reported(epoch, router, clock)


def _reported(epoch: int, router: str, clock: str) -> Input:
    data = {"router": router, "epoch": epoch, "applied_at_ms": at(clock)}
    return message(MessageType.APPLIED, f"applied-{router}-{epoch}", at(clock) + 5, data)


def _window(rollout: str, began: str, requests: int, failures: int) -> Input:
    """Ten seconds that are told of a second after they ended."""
    end_ms = at(began) + 10_000
    data = {
        "rollout": rollout,
        "start_ms": at(began),
        "end_ms": end_ms,
        "candidate": _counted(requests, failures),
        "stable": _counted(500, 1),
    }
    return message(MessageType.WINDOW, f"window/{rollout}/{end_ms}", end_ms + 1_000, data)


def _counted(requests: int, failures: int) -> dict[str, object]:
    blocks = requests // 10
    counts: dict[str, object] = {name: [[-33, requests - failures]] for name in ("latency", "ttfa", "rtf")}
    counts |= {"requests": requests, "failures": failures}
    return counts | {"blocks": blocks, "failed_blocks": min(failures, blocks)}


async def told(store: Store, sql: str) -> list[dict[str, Any]]:
    """Return what a question in SQL gives; times as SQLite has them, so that both stores can be compared."""
    return [{name: _told(value) for name, value in row._mapping.items()} for row in await store.rows(text(sql), {})]


def _told(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


async def _recorded(folder: Path, came: Iterable[Input]) -> tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]:
    """Let messages be decided once, and return the rows of inbox and journal as if each had been written at once."""
    url = f"sqlite:///{folder}/audited.db"
    upgrade(url)
    store = await open_store(url)
    await handle(store, list(came))
    messages = [dict(row._mapping) for row in await store.rows(select(inbox).order_by(inbox.c.number), {})]
    facts = [dict(row._mapping) for row in await store.rows(select(journal), {})]
    await store.close()
    for row in messages:
        del row["number"]  # the store that they go to counts them itself
        row["decided_at"] = row["sent_ms"] + _RECORDED_AFTER_MS
    for row in facts:
        row["recorded_at"] = row["at_ms"] + _RECORDED_AFTER_MS
    return messages, facts
