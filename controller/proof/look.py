"""Looking at the copies of the journal, while services go on deciding."""

from collections.abc import AsyncIterable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from controller.brokers import Kafka
from controller.core.errors import Malformed
from controller.journal.audit import misquoted
from controller.journal.facts import Recorded, recorded
from controller.journal.outbox import SHARD
from controller.journal.partitions import detached_before
from controller.journal.store import Store
from controller.journal.tables import outbox, services
from controller.outside.published import published
from controller.outside.signing import Trusted
from controller.proof.chain import Chain, Copy, Finding, Tampering, short
from controller.proof.compare import compare
from controller.proof.vouched import Hashes, Vouched, vouched_for
from controller.wire.codec import Written, written_from_message
from controller.wire.topics import Topic


@dataclass(frozen=True, slots=True)
class Verified:
    """
    What was looked at, and what is wrong with it.

    kafka_facts: -1 when only SQL was looked at; a double counts once. checkpoints: those whose signature is trusted.
    detached: facts that are in no month of SQL any more; checkpoints vouch for the last one of each stream.
    """

    streams: int
    sql_facts: int
    kafka_facts: int
    findings: tuple[Finding, ...]
    checkpoints: int = 0
    detached: int = 0


async def verify(store: Store, kafka: Kafka = "", prefix: str = "", trusted: Trusted | None = None) -> Verified:
    """
    Check the chain of every stream in SQL and, where Kafka's address is given, in Kafka, and compare the two.

    trusted: keys by whose checkpoints both are measured; None asks for no checkpoints. Raises Broken when there is no
    topic, Unavailable when SQL or Kafka does not answer.
    """
    # Before the facts: those that a checkpoint speaks of are all there by then.
    vouched = Vouched() if trusted is None else await vouched_for(store, kafka, prefix, trusted)
    sql = _Sql(store, vouched.hashes)
    await sql.look()
    if not kafka:
        findings = [*vouched.findings, *await sql.against_heads()]
        findings += [finding for chain in sql.ended() for finding in chain.findings]
        return Verified(len(sql.chains), sql.facts, -1, tuple(findings), vouched.checkpoints, sql.detached)
    # In this order: what is no longer on its way out now, Kafka has, up to an end that is asked for after this.
    promised = {name: chain.position for name, chain in sql.chains.items()}
    for name, waiting in (await sql.waiting()).items():
        promised[name] = promised.get(name, 0) - waiting
    topic, on_the_way = await _look_at_kafka(kafka, prefix, vouched.hashes, sql.misses)
    # And what Kafka had by then, SQL had before.
    await sql.look()
    sql.ended()
    findings = [*vouched.findings, *on_the_way, *await sql.against_heads()]
    for name in sorted(sql.chains.keys() | topic.keys()):
        copies = sql.chains.get(name, Chain(Copy.SQL, name)), topic.get(name, Chain(Copy.KAFKA, name))
        findings += compare(*copies, published=promised.get(name, 0))
    known = sum(chain.position for chain in topic.values())
    return Verified(
        len(sql.chains), sql.facts, known, tuple(dict.fromkeys(findings)), vouched.checkpoints, sql.detached
    )


class _Sql:
    """The journal in SQL; looking again goes on where the last look ended."""

    def __init__(self, store: Store, signed: Hashes) -> None:
        self._store = store
        self._signed = signed
        self._heads: dict[str, tuple[int, str]] | None = None
        self._detached_before_ms: int | None = None
        self.chains: dict[str, Chain] = {}
        self.facts = 0

    async def look(self) -> None:
        if self._heads is None:
            # The heads first: a service may decide on meanwhile, and then its chain only grows beyond the head.
            self._heads = await self._read_heads()
            before = await self._store.read(detached_before)
            self._detached_before_ms = None if before is None else int(before.timestamp() * 1000)
            await self._take(recorded(self._store))
            if self._detached_before_ms is not None:
                self._begin_after_all_facts()
            return
        for name, (position, _) in (await self._read_heads()).items():
            chain = self.chains.get(name)
            if chain is None or position > chain.position:
                await self._take(recorded(self._store, name, chain.position if chain else 0))

    async def _take(self, facts: AsyncIterable[Recorded]) -> None:
        async for one in facts:
            chain = self.chains.get(one.stream)
            if chain is None:
                chain = self.chains[one.stream] = self._chain(one.stream)
                if self._detached_before_ms is not None and one.position > 1:
                    chain.begin(one.position - 1, one.prev_hash)
            if chain.take(one.written) and (wrong := misquoted(one)):
                chain.note(Tampering.CHANGED, one.position, wrong)
            self.facts += 1

    def _begin_after_all_facts(self) -> None:
        # All that was decided of these services lies in detached months.
        for name, (position, hash) in (self._heads or {}).items():
            if position and name not in self.chains and (chain := self._chain(name)).begin(position, hash):
                self.chains[name] = chain

    @property
    def detached(self) -> int:
        """How many facts are not in SQL, and are vouched for."""
        return sum(chain.start for chain in self.chains.values())

    def misses(self, one: Written) -> bool:
        """Say whether a fact of Kafka's is not here, though it lies in no month that was detached."""
        chain = self.chains.get(one.stream)
        if chain is None or self._detached_before_ms is None:
            return False
        return one.position <= chain.start and one.at_ms >= self._detached_before_ms

    def _chain(self, name: str) -> Chain:
        return Chain(Copy.SQL, name, signed=self._signed.get(name, {}))

    def ended(self) -> list[Chain]:
        """Return every stream that is there or should be, nothing being taken any more."""
        for name in self._signed:
            self.chains.setdefault(name, self._chain(name))
        for chain in self.chains.values():
            chain.end()
        return list(self.chains.values())

    async def against_heads(self) -> list[Finding]:
        """Return what the services' own rows say against the journal, then and now."""
        assert self._heads is not None
        found: list[Finding] = []
        for name, (position, hash) in self._heads.items():
            chain = self.chains.get(name, Chain(Copy.SQL, name))
            if chain.position < position:
                told = f"the journal ends before it, and the row of the service says {position}"
                found.append(Finding(Copy.SQL, Tampering.CUT, name, chain.position + 1, told))
            elif position and chain.hashes[position - 1] != short(hash):
                told = f"the row of the service says its hash is {hash}"
                found.append(Finding(Copy.SQL, Tampering.CHANGED, name, position, told))
        now = await self._read_heads()
        for name, chain in self.chains.items():
            position, _ = now.get(name, (0, ""))
            if chain.position > position:
                told = f"the row of the service says that {position} is the last one"
                found.append(Finding(Copy.SQL, Tampering.INSERTED, name, position + 1, told))
        return found

    async def waiting(self) -> dict[str, int]:
        """Return how many facts of each service are not yet published."""
        rows = await self._store.rows(_WAITING, {"topic": Topic.JOURNAL.value})
        return {row.key.decode(): row.facts for row in rows}

    async def _read_heads(self) -> dict[str, tuple[int, str]]:
        return {row.service: (row.position, row.head_hash) for row in await self._store.rows(_HEADS, {})}


async def _look_at_kafka(
    kafka: Kafka, prefix: str, signed: Hashes, sql_misses: Callable[[Written], bool]
) -> tuple[dict[str, Chain], list[Finding]]:
    """Return each stream as Kafka has it, and what is found on the way: records that are none, and facts SQL lacks."""
    chains: dict[str, Chain] = {}
    found: list[Finding] = []
    async with aclosing(published(kafka, prefix)) as records:
        async for record in records:
            try:
                written = written_from_message(record.value)
            except Malformed as error:
                told = f"the record at offset {record.offset} of partition {record.partition} is no fact: {error}"
                stream = (record.key or b"").decode(errors="replace")
                found.append(Finding(Copy.KAFKA, Tampering.UNREADABLE, stream, 0, told))
                continue
            chain = chains.get(written.stream)
            if chain is None:
                vouched = signed.get(written.stream, {})
                chain = chains[written.stream] = Chain(Copy.KAFKA, written.stream, doubles=True, signed=vouched)
            if chain.take(written) and sql_misses(written):
                told = "Kafka has it, and it lies in no month that was detached from SQL"
                found.append(Finding(Copy.SQL, Tampering.REMOVED, written.stream, written.position, told))
    return chains, found


_HEADS = select(services.c.service, services.c.position, services.c.head_hash)
_WAITING = (
    select(outbox.c.key, func.count().label("facts"))
    .where(outbox.c.topic == bindparam("topic"), outbox.c.shard == SHARD)
    .group_by(outbox.c.key)
)
