"""Signed checkpoints: what was signed cannot be made anew, not even in both copies at once."""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from controller.core.errors import Broken
from controller.handle import handle
from controller.journal import Store, tables
from controller.journal.checkpoints import Grown, grown, keep, kept, latest, lost
from controller.outside.signing import Signer, Trusted, distrusted, make_key, read_signer, read_trusted
from controller.proof.chain import Copy, Finding, Tampering
from controller.proof.chained import cut_off, gaps
from controller.proof.look import verify
from controller.wire.checkpoint import Checkpoint, checkpoint_from_message, checkpoint_message
from controller.wire.codec import GENESIS_HASH, content_hash
from tests.journal.messages import SERVICE, installed, rolling
from tests.journal.sight import outgoing, rows
from tests.journal.tampering import CHECKPOINTS_UNLOCKED, UNLOCKED, say


def test_a_signature_is_believed_with_the_right_key_alone(tmp_path: Path, signer: Signer, trusted: Trusted) -> None:
    """Another key, a changed word, and a made-up signature are told apart."""
    said = signer.sign(SERVICE, 7, "ab" * 32, 5_000)
    assert distrusted(said, trusted) == ""
    assert checkpoint_from_message(checkpoint_message(said)) == said
    assert "was not signed" in distrusted(replace(said, position=8), trusted)
    assert "was not signed" in distrusted(replace(said, signature=b64encode(b"x" * 64).decode()), trusted)
    assert "was not signed" in distrusted(replace(said, signature="no base64"), trusted)
    make_key(tmp_path / "other.pem")
    other = read_signer(str(tmp_path / "other.pem"))
    assert "not among those that are trusted" in distrusted(other.sign(SERVICE, 7, "ab" * 32, 5_000), trusted)


def test_a_key_may_take_over(tmp_path: Path) -> None:
    """What the former key signed is believed as long as its public half is among the trusted ones."""
    for name in ("old.pem", "new.pem"):
        make_key(tmp_path / name)
    old, new = (read_signer(str(tmp_path / name)) for name in ("old.pem", "new.pem"))
    trusted = read_trusted(f"{tmp_path}/old.pem.pub, {tmp_path}/new.pem.pub")
    assert {distrusted(one.sign(SERVICE, 1, "00" * 32, 1), trusted) for one in (old, new)} == {""}
    assert set(read_trusted(f"{tmp_path}/old.pem.pub", new)) == {old.name, new.name}


def test_a_key_is_its_owner_s_and_is_never_overwritten(tmp_path: Path) -> None:
    """Nobody else may read the file; what cannot be read as a key is refused with the next step."""
    file = tmp_path / "key.pem"
    make_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(Broken, match="never overwritten"):
        make_key(file)
    assert file.read_bytes() == before
    (tmp_path / "text").write_text("no key")
    for setting, read in (("SIGNING_KEY", read_signer), ("TRUSTED_KEYS", read_trusted)):
        with pytest.raises(Broken, match=f"SEGUE_{setting} names .*text.*segue key new"):
            read(str(tmp_path / "text"))
        with pytest.raises(Broken, match="No such file"):
            read(str(tmp_path / "nowhere"))


async def signed_so_far(store: Store, signer: Signer) -> list[Checkpoint]:
    """Sign whatever has grown."""
    last, signed = await latest(store, signer.name), list[Checkpoint]()
    for one in await grown(store, signer.name):
        last = signer.sign(one.service, one.position, one.hash, 9_000, last)
        signed.append(last)
    await keep(store, signed)
    return signed


async def test_what_has_grown_is_signed_once(store: Store, signer: Signer) -> None:
    """In SQL and for Kafka, in one transaction; somebody who signs the same at the same moment is quiet."""
    await handle(store, [*installed(), *installed("other-voice")])
    first = await signed_so_far(store, signer)
    assert [(one.service, one.position) for one in first] == [(SERVICE, 4), ("other-voice", 4)]
    await keep(store, first)
    assert await kept(store) == first
    assert await grown(store, signer.name) == []
    await handle(store, rolling())
    (more,) = await grown(store, signer.name)
    assert isinstance(more, Grown)
    assert (more.service, more.position) == (SERVICE, 8)
    published = [body for topic, _, body in await outgoing(store) if topic == "journal.checkpoints"]
    assert [checkpoint_from_message(body) for body in published] == first


async def made_anew(store: Store, kind: str) -> None:
    """Change the first fact, and give every later one, and the service's row, a hash that fits."""

    def work(connection: Connection) -> None:
        for statement in UNLOCKED[kind]:
            connection.exec_driver_sql(statement)
        journal, prev = tables.journal, GENESIS_HASH
        mine = journal.c.stream == SERVICE
        for row in connection.execute(journal.select().where(mine).order_by(journal.c.position)).all():
            body = row.body.replace("nightly", "daily") if row.position == 1 else row.body
            reason = row.reason.replace("nightly", "daily") if row.position == 1 else row.reason
            hash = content_hash(prev, row.stream, row.position, row.at_ms, row.cause, row.type, row.schema, body)
            values = {"body": body, "reason": reason, "prev_hash": prev, "hash": hash}
            connection.execute(update(journal).where(mine, journal.c.position == row.position).values(**values))
            prev = hash
        named = tables.services.c.service == SERVICE
        connection.execute(tables.services.update().where(named).values(head_hash=prev))

    await store.write(work)


async def test_a_stream_made_anew_contradicts_its_checkpoint(
    store: Store, kind: str, signer: Signer, trusted: Trusted
) -> None:
    """The chain fits and so does the head; only the signature knows better."""
    await handle(store, installed())
    await signed_so_far(store, signer)
    await made_anew(store, kind)
    assert (await verify(store)).findings == ()
    found = await verify(store, trusted=trusted)
    assert [(one.copy, one.tampering, one.position) for one in found.findings] == [(Copy.SQL, Tampering.CHANGED, 4)]
    assert "a signed checkpoint says" in found.findings[0].told


async def test_a_stream_made_anew_is_told_before_it_is_signed_again(store: Store, kind: str, signer: Signer) -> None:
    """Its last checkpoint says another hash than the fact has that stands there now."""
    await handle(store, [*installed(), *installed("other-voice")])
    await signed_so_far(store, signer)
    assert await lost(store, signer.name) == []
    await made_anew(store, kind)
    (gone,) = await lost(store, signer.name)
    assert (gone.service, gone.position) == (SERVICE, 4)
    assert gone.holds not in (None, gone.signed)


@pytest.mark.parametrize("after", [0, 2])
async def test_a_stream_cut_off_is_told_before_it_is_signed_again(
    store: Store, kind: str, signer: Signer, after: int
) -> None:
    """Though its row was set back, or is gone with all its facts."""
    await handle(store, installed())
    await signed_so_far(store, signer)

    def work(connection: Connection) -> None:
        for statement in UNLOCKED[kind]:
            connection.exec_driver_sql(statement)
        connection.execute(tables.journal.delete().where(tables.journal.c.position > after))
        connection.execute(tables.services.delete() if after == 0 else tables.services.update().values(position=after))

    await store.write(work)
    (gone,) = await lost(store, signer.name)
    assert (gone.service, gone.position, gone.holds) == (SERVICE, 4, None)


async def test_what_is_signed_is_the_fact_and_not_what_a_table_says_of_it(store: Store, signer: Signer) -> None:
    """The row of a service is made from its facts; who changes it gets no signature under his hash."""
    await handle(store, installed())
    await store.write(lambda connection: connection.execute(tables.services.update().values(head_hash="f00d")))
    (one,) = await grown(store, signer.name)
    fact = (await rows(store, tables.journal))[-1]
    assert (one.position, one.hash) == (fact["position"], fact["hash"])


async def test_a_stream_cut_off_before_its_checkpoint_is_found(
    store: Store, kind: str, signer: Signer, trusted: Trusted
) -> None:
    """Though the service's row was set back as well."""
    await handle(store, [*installed(), *rolling()])
    await signed_so_far(store, signer)

    def work(connection: Connection) -> None:
        for statement in UNLOCKED[kind]:
            connection.exec_driver_sql(statement)
        journal = tables.journal
        last = connection.execute(journal.select().where(journal.c.position == 6)).one()
        connection.execute(journal.delete().where(journal.c.position > 6))
        connection.execute(tables.services.update().values(position=6, head_hash=last.hash))

    await store.write(work)
    assert (await verify(store)).findings == ()
    (found,) = (await verify(store, trusted=trusted)).findings
    assert (found.tampering, found.position) == (Tampering.CUT, 7)
    assert "vouches for fact 8" in found.told


async def test_a_checkpoint_that_nobody_trusted_signed_is_a_finding(
    store: Store, tmp_path: Path, signer: Signer, trusted: Trusted
) -> None:
    """Else whoever makes a stream anew would sign it with a key of his own."""
    await handle(store, installed())
    make_key(tmp_path / "other.pem")
    await signed_so_far(store, read_signer(str(tmp_path / "other.pem")))
    (found,) = (await verify(store, trusted=trusted)).findings
    assert isinstance(found, Finding)
    assert (found.tampering, found.stream, found.position) == (Tampering.UNTRUSTED, SERVICE, 4)


async def test_a_checkpoint_cannot_be_taken_back(store: Store, signer: Signer) -> None:
    """The table refuses to change or delete one."""
    await handle(store, installed())
    await signed_so_far(store, signer)
    for statement in (tables.checkpoints.update().values(hash="0"), tables.checkpoints.delete()):
        with pytest.raises(Exception, match="append-only"):
            await store.write(lambda connection, statement=statement: connection.execute(statement))  # type: ignore[misc]  # bound for the loop


async def signed_thrice(store: Store, signer: Signer) -> list[Checkpoint]:
    """Decide and sign three times."""
    made = []
    for messages in (installed(), rolling(), installed("other-voice")):
        await handle(store, messages)
        made += await signed_so_far(store, signer)
    assert [one.number for one in await kept(store)] == [1, 2, 3]
    return made


async def test_a_checkpoint_taken_away_in_the_middle_is_found(
    store: Store, kind: str, signer: Signer, trusted: Trusted
) -> None:
    """Each names the one before; the gap is told at the fact that the next one vouches for."""
    await signed_thrice(store, signer)
    assert (await verify(store, trusted=trusted)).findings == ()
    await say(store, *CHECKPOINTS_UNLOCKED[kind], "DELETE FROM checkpoints WHERE number = 2")
    (found,) = (await verify(store, trusted=trusted)).findings
    assert (found.tampering, found.stream, found.position) == (Tampering.REMOVED, "other-voice", 4)
    assert f"of the checkpoints of key {signer.name}, 2 is missing, and 3, of this fact, is there" in found.told


async def test_a_chain_of_checkpoints_is_one_copy_s(store: Store, signer: Signer) -> None:
    """Kafka may lag behind, SQL may not; what was taken away at the beginning, or put in another's place, is found."""
    one, two, three = await signed_thrice(store, signer)
    assert [*gaps(Copy.KAFKA, [one, two]), *cut_off([one, two, three], [one, two])] == []
    (behind,) = cut_off([one, two], [three, one])
    assert (behind.copy, behind.tampering, behind.stream) == (Copy.SQL, Tampering.REMOVED, "other-voice")
    (first,) = gaps(Copy.KAFKA, [three])
    assert "1 to 2 are missing" in first.told
    other = signer.sign(SERVICE, 8, "00" * 32, 9_000, one)
    (unlinked,) = gaps(Copy.SQL, [one, other, three])
    assert (unlinked.tampering, unlinked.position) == (Tampering.UNLINKED, 4)


async def test_what_was_signed_outside_a_chain_is_believed(store: Store, signer: Signer, trusted: Trusted) -> None:
    """The first Segue signed neither number nor predecessor; its words stay, and a chain begins beside."""
    await handle(store, installed())
    (stream,) = await grown(store, signer.name)
    former = Checkpoint(SERVICE, 4, stream.hash, 9_000, signer.name)
    assert (
        former.content
        == (
            f'{{"hash":"{stream.hash}","key":"{signer.name}","kind":"io.segue.checkpoint.signed","position":4,'
            f'"service":"hibari","signed_ms":9000}}'
        ).encode()
    )
    former = replace(former, signature=b64encode(signer._key.sign(former.content)).decode())
    assert distrusted(former, trusted) == ""
    await keep(store, [former])
    await handle(store, rolling())
    assert [one.number for one in await signed_so_far(store, signer)] == [1]
    assert (await verify(store, trusted=trusted)).findings == ()
