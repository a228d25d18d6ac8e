"""Checkpoints of a key in one copy: each names the one before, so one that was taken away leaves a gap."""

from collections.abc import Iterable, Iterator

from controller.proof.chain import Copy, Finding, Tampering
from controller.wire.checkpoint import Checkpoint


def gaps(copy: Copy, believed: Iterable[Checkpoint]) -> Iterator[Finding]:
    """Yield where checkpoints were taken away, at the place that the next one of the same key vouches for."""
    keys: dict[str, dict[int, Checkpoint]] = {}
    for one in believed:
        if one.number:
            keys.setdefault(one.key, {})[one.number] = one
    for key, chain in keys.items():
        last = 0
        for number, one in sorted(chain.items()):
            if number > last + 1:
                span = f"{last + 1} is" if number == last + 2 else f"{last + 1} to {number - 1} are"
                told = f"of the checkpoints of key {key}, {span} missing, and {number}, of this fact, is there"
                yield Finding(copy, Tampering.REMOVED, one.service, one.position, told)
            elif one.previous != (chain[last].digest if last else ""):
                told = f"checkpoint {number} of key {key}, of this fact, does not follow the one before it"
                yield Finding(copy, Tampering.UNLINKED, one.service, one.position, told)
            last = number


def cut_off(sql: Iterable[Checkpoint], kafka: Iterable[Checkpoint]) -> Iterator[Finding]:
    """Yield where SQL lacks the end of what Kafka has; that of Kafka may still be on its way."""
    ends: dict[str, int] = {}
    for one in sql:
        ends[one.key] = max(one.number, ends.get(one.key, 0))
    for one in kafka:
        if one.number > ends.get(one.key, 0):
            told = f"Kafka has checkpoint {one.number} of key {one.key}, of this fact, and SQL has none after "
            yield Finding(Copy.SQL, Tampering.REMOVED, one.service, one.position, f"{told}{ends.get(one.key, 0)}")
