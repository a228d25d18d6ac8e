"""Two copies of one stream, fact by fact: which of them was tampered with, where, and how."""

from collections.abc import Iterator

from controller.proof.chain import Chain, Copy, Finding, Tampering


def compare(sql: Chain, kafka: Chain, published: int) -> list[Finding]:
    """
    Return everything that is wrong with a stream in either copy, by position.

    published: up to this position Kafka must have it; what follows may still be on its way there.
    """
    found = [*_of_copies(sql, kafka), *_cut_off(sql, kafka, published)]
    return sorted(dict.fromkeys(found), key=lambda finding: (finding.position, finding.copy))


def _of_copies(sql: Chain, kafka: Chain) -> Iterator[Finding]:
    since, common = _shared(sql, kafka)
    parted = sql.hashes[since:common] != kafka.hashes[since:common]
    if parted and bool(sql.findings) != bool(kafka.findings):
        # The copy that is sound in itself tells what became of the other one.
        yield from _explained(sql, kafka) if sql.findings else _explained(kafka, sql)
        return
    yield from sql.findings
    yield from kafka.findings
    if parted:
        at = next(at for at in range(since, common) if sql.hashes[at] != kafka.hashes[at])
        both = "each is broken elsewhere" if sql.findings else "each is sound in itself"
        told = f"SQL and Kafka tell different facts from here on, and {both}: compare with a checkpoint or a backup"
        yield Finding(Copy.EITHER, Tampering.CHANGED, sql.stream, at + 1, told)


def _explained(wrong: Chain, right: Chain) -> Iterator[Finding]:
    """Yield what was done to a copy, by the other one's sequence of hashes."""
    since, common = _shared(wrong, right)
    differing = [at for at in range(since, common) if wrong.hashes[at] != right.hashes[at]]
    first, name = differing[0], "SQL" if right.copy is Copy.SQL else "Kafka"
    there, here = wrong.hashes[first:], right.hashes[first:]
    kind = None
    if sorted(wrong.hashes[at] for at in differing) == sorted(right.hashes[at] for at in differing):
        kind, told = Tampering.MOVED, f"the facts at {_listed(differing)} changed places"
    elif there[1:] == here[: len(there) - 1]:
        kind, told = Tampering.INSERTED, f"{name} does not have it; the facts after it were moved up"
    elif there == here[1 : len(there) + 1]:
        kind, told = Tampering.REMOVED, f"{name} has one more fact here; the facts after it were moved down"
    if kind is not None:
        yield Finding(wrong.copy, kind, wrong.stream, first + 1, told)
        # What was done before it, or between facts that changed places, is told as well.
        apart = set(range(first)) if kind is not Tampering.MOVED else set(range(common)) - set(differing)
        yield from (
            finding
            for finding in wrong.findings
            if finding.position - 1 in apart and finding.tampering is not Tampering.UNLINKED
        )
        return
    for at in differing:
        if wrong.hashes[at]:
            told = f"{name} has another fact in its place"
            yield Finding(wrong.copy, Tampering.CHANGED, wrong.stream, at + 1, told)
    # A broken link is what a changed fact leaves behind it.
    yield from (finding for finding in wrong.findings if finding.tampering is not Tampering.UNLINKED)


def _shared(one: Chain, other: Chain) -> tuple[int, int]:
    """Return from which place to which both copies have facts, or a word that vouches for the one before them."""
    return max(one.start, other.start, 1) - 1, min(one.position, other.position)


def _listed(places: list[int]) -> str:
    shown = ", ".join(str(at + 1) for at in places[:5])
    return shown if len(places) <= 5 else f"{shown} and {len(places) - 5} more"


def _cut_off(sql: Chain, kafka: Chain, published: int) -> Iterator[Finding]:
    if kafka.position > sql.position:
        told = f"SQL ends before it, and Kafka has facts up to {kafka.position}"
        yield Finding(Copy.SQL, Tampering.CUT, sql.stream, sql.position + 1, told)
    if kafka.position < published:
        told = f"Kafka ends before it, and facts up to {published} were published"
        yield Finding(Copy.KAFKA, Tampering.CUT, sql.stream, kafka.position + 1, told)
