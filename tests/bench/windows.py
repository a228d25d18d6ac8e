"""Windows of measurements as the observer would send them, so many a second, from a process of their own."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Final

from kafka import KafkaProducer

from controller.wire.envelope import HEADERS, encode
from controller.wire.messages import MessageType
from controller.wire.topics import Topic

_TICK_S: Final = 0.05


@contextmanager
def messages(kafka: str, services: Sequence[str], a_second: int) -> Iterator["Synchronized[int]"]:
    """Send so many windows a second of these services from a process of its own; gives how many were sent."""
    context = get_context("spawn")
    stop, sent = context.Event(), context.Value("q", 0)
    process = context.Process(target=_send, args=(kafka, services, a_second, stop, sent), daemon=True)
    process.start()
    try:
        yield sent
    finally:
        stop.set()
        process.join()


def _send(kafka: str, services: Sequence[str], a_second: int, stop: Event, sent: "Synchronized[int]") -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=0)
    began = time.monotonic()
    while not stop.wait(_TICK_S):
        due = int((time.monotonic() - began) * a_second)
        for number in range(sent.value, due):
            _send_window(producer, services[number % len(services)], number)
        sent.value = due
    producer.flush()
    producer.close()


def _send_window(producer: KafkaProducer, service: str, number: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    rollout = f"{service}-2"
    end_ms = now_ms - 1_000
    data = {"rollout": rollout, "start_ms": end_ms - 4_000, "end_ms": end_ms, "candidate": _COUNTS, "stable": _COUNTS}
    body = encode(MessageType.WINDOW, "bench", f"{rollout}/{end_ms}/{number}", service, data, now_ms)
    producer.send(Topic.SIGNALS.value, key=service.encode(), value=body, headers=list(HEADERS))


_TIMING: Final = [[-33, 10], [-30, 20], [-27, 10]]
_COUNTS: Final = {
    "requests": 40,
    "failures": 0,
    "blocks": 4,
    "failed_blocks": 0,
    "latency": _TIMING,
    "ttfa": _TIMING,
    "rtf": _TIMING,
}
