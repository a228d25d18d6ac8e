"""What signed checkpoints vouch for, from both copies; a checkpoint that nobody trusted signed is a finding itself."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from controller.brokers import Kafka
from controller.core.errors import Malformed
from controller.journal.checkpoints import kept
from controller.journal.store import Store
from controller.outside.published import published
from controller.outside.signing import Trusted, distrusted
from controller.proof.chain import Copy, Finding, Tampering
from controller.proof.chained import cut_off, gaps
from controller.wire.checkpoint import Checkpoint, checkpoint_from_message
from controller.wire.topics import Topic

Hashes = Mapping[str, Mapping[int, str]]
"""Service to position to hash."""


@dataclass(slots=True)
class Vouched:
    """Hashes by service and position, how many checkpoints say so, and those that are not to be believed."""

    hashes: dict[str, dict[int, str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def checkpoints(self) -> int:
        """How many facts are vouched for."""
        return sum(len(positions) for positions in self.hashes.values())


async def vouched_for(store: Store, kafka: Kafka, prefix: str, trusted: Trusted) -> Vouched:
    """Collect the checkpoints of both copies, of SQL alone when Kafka's address is empty."""
    vouched = Vouched()
    # Kafka first: whatever it has by then, SQL had before.
    topic = [one async for one in _in_kafka(kafka, prefix, vouched)] if kafka else []
    sql = _believed(vouched, await kept(store), Copy.SQL, trusted)
    topic = _believed(vouched, topic, Copy.KAFKA, trusted)
    vouched.findings += [*gaps(Copy.SQL, sql), *gaps(Copy.KAFKA, topic), *cut_off(sql, topic)]
    return vouched


def _believed(vouched: Vouched, said: Iterable[Checkpoint], copy: Copy, trusted: Trusted) -> list[Checkpoint]:
    return [one for one in said if _believe(vouched, one, copy, trusted)]


def _believe(vouched: Vouched, one: Checkpoint, copy: Copy, trusted: Trusted) -> bool:
    if why := distrusted(one, trusted):
        told = f"the checkpoint of this fact is not believed: {why}"
        vouched.findings.append(Finding(copy, Tampering.UNTRUSTED, one.service, one.position, told))
        return False
    known = vouched.hashes.setdefault(one.service, {}).setdefault(one.position, one.hash)
    if known != one.hash:
        told = f"two signed checkpoints contradict each other here: {known} and {one.hash}"
        vouched.findings.append(Finding(copy, Tampering.CHANGED, one.service, one.position, told))
    return True


async def _in_kafka(kafka: Kafka, prefix: str, vouched: Vouched) -> AsyncIterator[Checkpoint]:
    async with aclosing(published(kafka, prefix, Topic.CHECKPOINTS)) as records:
        async for record in records:
            try:
                yield checkpoint_from_message(record.value)
            except Malformed as error:
                told = f"the record at offset {record.offset} of {Topic.CHECKPOINTS} is no checkpoint: {error}"
                stream = (record.key or b"").decode(errors="replace")
                vouched.findings.append(Finding(Copy.KAFKA, Tampering.UNREADABLE, stream, 0, told))
