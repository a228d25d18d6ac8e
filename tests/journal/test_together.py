"""What a transaction writes goes to PostgreSQL by few statements, and comes to the same as one after another."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from controller.core.errors import Conflict
from controller.handle import handle
from controller.journal import Store
from controller.journal.bulk import Bulk, Values
from controller.journal.tables import outbox, timers
from controller.journal.together import together
from tests.journal.messages import alert, installed, rolling
from tests.journal.sight import statements

PUT = Bulk(insert(outbox).inline())
SET = Bulk(insert(timers))
MOVE = Bulk(update(timers).where(timers.c.stream == bindparam("of")).values(due_ms=bindparam("due")))
DROP = Bulk(delete(timers).where(timers.c.stream == bindparam("of")))


def letters(*bodies: bytes) -> Sequence[Values]:
    """Return rows of the outbox."""
    return [{"shard": 0, "topic": "dead.letters", "key": b"k", "body": body, "headers": "[]"} for body in bodies]


def timer(stream: str) -> Values:
    """Return the row of a timer."""
    return {"stream": stream, "kind": "hold", "epoch": 1, "due_ms": 5, "due_at": 5}


def stands(connection: Connection) -> tuple[list[bytes], list[tuple[str, int]]]:
    """Return what is in the outbox, in its order, and which timers are set for when."""
    bodies = list(connection.scalars(select(outbox.c.body).order_by(outbox.c.id)))
    rows = connection.execute(select(timers.c.stream, timers.c.due_ms).order_by(timers.c.stream))
    return bodies, [(row.stream, row.due_ms) for row in rows]


async def test_order_is_kept_within_a_table(store: Store) -> None:
    """What a later statement changes is what earlier ones of the block wrote, and rows keep their order."""

    def work(connection: Connection) -> None:
        with together(connection):
            SET.run(connection, [timer("a"), timer("b"), timer("c")])
            PUT.run(connection, letters(*(b"%03d" % number for number in range(200))))
            MOVE.run(connection, [{"of": "a", "due": 6}, {"of": "a", "due": 7}, {"of": "b", "due": 8}])
            PUT.run(connection, letters(b"last"))
            DROP.run(connection, [{"of": "c"}])
            SET.run(connection, [timer("c")])
            MOVE.run(connection, [{"of": "c", "due": 9}])

    await store.write(work)
    bodies, set_for = await store.read(stands)
    assert bodies == [*(b"%03d" % number for number in range(200)), b"last"]
    assert set_for == [("a", 7), ("b", 8), ("c", 9)]


async def test_what_a_statement_raises_keeps_nothing_of_the_block(store: Store) -> None:
    """One row that may not be there takes all of the transaction with it, as a conflict."""

    def work(connection: Connection) -> None:
        with together(connection):
            PUT.run(connection, letters(b"first"))
            SET.run(connection, [timer("a"), timer("a")])

    with pytest.raises(Conflict):
        await store.write(work)
    assert await store.read(stands) == ([], [])


async def test_a_block_that_raises_leaves_the_connection_as_it_was(store: Store) -> None:
    """Its statements are not sent with those of whoever has the connection next."""

    def broken(connection: Connection) -> None:
        with together(connection):
            PUT.run(connection, letters(b"never"))
            raise LookupError

    with pytest.raises(LookupError):
        await store.write(broken)
    await store.write(lambda connection: PUT.run(connection, letters(b"next")))
    assert await store.read(stands) == ([b"next"], [])


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_an_alert_goes_to_postgresql_by_three_statements(store: Store) -> None:
    """The turn, the look into the inbox, and all that its rollback writes."""
    for one in (*installed(), *rolling()):
        await handle(store, [one])
    with statements() as sent:
        handled = await handle(store, [alert("1.5.0", 20_000)])
    assert len(handled.facts) == 4
    assert [sql.split()[0] for sql, _ in sent] == ["SELECT", "SELECT", "WITH"]
