"""Whose turn it is, and up to where may be acknowledged."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from consumers.line import FEW, TURN, Line, Records

ONE, OTHER = TopicPartition("alerts", 0), TopicPartition("alerts", 1)


def records(key: str, offsets: Iterable[int], partition: TopicPartition = ONE, size: int = 0) -> list[Any]:
    """Make up records of a service."""
    return [
        ConsumerRecord(*partition, offset, 0, 1, key.encode(), b"x" * size, None, len(key), size, ())
        for offset in offsets
    ]


def told(taken: Records) -> str:
    """Name the services of records, in their order."""
    return "".join(record.key.decode() for record in taken)


def offsets(taken: Sequence[ConsumerRecord[Any, Any]]) -> list[int]:
    """Return where records stand."""
    return [record.offset for record in taken]


def test_services_take_turns() -> None:
    """However many of one wait, each gets so many in a row, and then the next one."""
    line = Line()
    line.add(records("a", range(100)))
    line.add(records("b", range(100, 200)))
    assert told(line.take(3 * TURN)) == "a" * TURN + "b" * TURN + "a" * TURN
    assert told(line.take(2 * TURN)) == "b" * TURN + "a" * TURN


def test_a_batch_is_small_as_long_as_no_crowd_waits() -> None:
    """Neighbours in this process wait for a batch; only who would fall behind takes large ones."""
    line = Line()
    line.add(records("a", range(99)))
    assert len(line.batch(100)) == FEW
    line.add(records("b", range(99, 200)))
    large = line.batch(100)
    assert len(large) == 100
    assert len(line.batch(5)) == 5


def test_what_is_settled_is_no_crowd() -> None:
    """Also where something earlier is not settled, so that it cannot be acknowledged yet."""
    line = Line()
    line.add(records("a", range(1)))
    line.take(1)
    line.add(records("b", range(1, 100)))
    later = line.take(99)
    line.settle(later)
    line.add(records("c", range(100, 150)))
    assert len(line.batch(60)) == FEW


def test_who_was_not_there_comes_before_those_who_had_their_turn() -> None:
    """A service's first record is in the next batch, whatever waits."""
    line = Line()
    for key, first in (("a", 0), ("b", 100), ("c", 200)):
        line.add(records(key, range(first, first + 100)))
    line.take(3 * TURN)
    line.add(records("d", [300]))
    assert told(line.take(TURN)) == "d" + "a" * (TURN - 1)


def test_who_comes_and_goes_keeps_nobody_from_his_turn() -> None:
    """Who was first once is first again only when all others have had their turn."""
    line = Line()
    line.add(records("a", range(100)))
    assert told(line.take(1)) == "a"
    seen = ""
    for offset in range(100, 104):
        line.add(records("b", [offset]))
        seen += told(line.take(1))
    assert seen == "baba"


def test_ever_new_ones_keep_nobody_from_his_turn() -> None:
    """Those who were not there come first, but not without end; and who has gone is forgotten meanwhile."""
    line = Line()
    news, offset = count(), count()
    line.add(records("a", [next(offset)]))
    for _ in range(3):
        line.add([one for _ in range(100) for one in records(f"new-{next(news)}", [next(offset)])])
    assert "a" in told(line.take(100))
    line.add(records("a", [next(offset)]))
    batches = 0
    while True:
        taken = line.take(100)
        if b"a" in [record.key for record in taken]:
            break
        batches += 1
        assert batches < 5
        line.add([one for _ in range(100) for one in records(f"new-{next(news)}", [next(offset)])])
    line.settle(taken)


def test_a_service_keeps_its_order() -> None:
    """Its records are handed out as they came, in each partition."""
    line = Line()
    for offset in range(0, 60, 2):
        line.add(records("a", [offset]))
        line.add(records("b", [offset + 1]))
    taken = [record for _ in range(6) for record in line.take(10)]
    assert not line
    assert [record.offset for record in taken if record.key == b"a"] == list(range(0, 60, 2))
    assert [record.offset for record in taken if record.key == b"b"] == list(range(1, 60, 2))


def test_nothing_is_acknowledged_beyond_a_gap() -> None:
    """What is settled before its turn in the partition waits for all that stands before it."""
    line = Line()
    line.add(records("a", range(TURN + 5)))
    line.add(records("b", [50]))
    line.add(records("a", [7, 8], OTHER))
    first = line.take(TURN + 3)
    assert told(first) == "a" * TURN + "baa"
    line.settle(first)
    assert line.to_acknowledge() == {ONE: TURN, OTHER: 9}
    line.acknowledged(line.to_acknowledge())
    assert line.to_acknowledge() == {}
    line.settle(line.take(4))
    assert line.to_acknowledge() == {ONE: TURN + 4}
    line.settle(line.take(4))
    assert line.to_acknowledge() == {ONE: 51}


def test_what_is_taken_and_not_settled_is_not_acknowledged() -> None:
    """Also when it is the first, and what was taken with it is settled."""
    line = Line()
    line.add(records("a", [3, 4, 5]))
    first, *others = line.take(3)
    line.settle(others)
    assert line.to_acknowledge() == {}
    line.settle([first])
    assert line.to_acknowledge() == {ONE: 6}


def test_a_partition_that_went_back_begins_anew() -> None:
    """What waited comes again, and once; what was settled beyond a gap counts for nothing."""
    line = Line()
    line.add(records("a", range(TURN + 1)))
    line.add(records("b", [20]))
    line.settle(line.take(TURN + 1))
    line.add(records("a", [TURN, TURN + 1]))
    line.add(records("b", [20]))
    assert line.to_acknowledge() == {}
    taken = line.take(100)
    assert offsets(taken) == [TURN, TURN + 1, 20]
    line.settle(taken)
    assert line.to_acknowledge() == {ONE: 21}
    assert not line


def test_what_somebody_else_has_now_is_forgotten() -> None:
    """Neither handed out nor acknowledged; other partitions stay."""
    line = Line()
    line.add(records("a", [0, 1]))
    line.add(records("a", [0, 1], OTHER))
    line.settle(line.take(1))
    line.keep({OTHER})
    assert line.to_acknowledge() == {}
    assert [record.partition for record in line.take(10)] == [1, 1]


def test_memory_is_bounded() -> None:
    """When too much waits, what takes the room is read no further, and what is small goes on."""
    line = Line(most_bytes=1_000_000)
    line.keep({ONE, OTHER})
    line.add(records("a", range(9), size=100_000))
    line.add(records("b", [0], OTHER))
    assert not line.full()
    line.add(records("a", [9], size=100_000))
    assert list(line.full()) == [ONE]
    line.take(2)
    assert not line.full()


def test_what_all_of_them_take_is_bounded() -> None:
    """Where one partition takes all the room, those beside it are given their share of it besides, and no more."""
    line = Line(most_bytes=1_000_000)
    offset = count()
    partitions = [TopicPartition("alerts", number) for number in range(6)]
    line.keep(set(partitions))
    waiting = 0
    while open_ := [one for one in partitions if one not in line.full()]:
        line.add(records("a", [next(offset)], open_[0], size=99_000))
        waiting += 99_000
    assert 1_700_000 < waiting < 2_000_000


def test_what_is_settled_beyond_a_gap_is_bounded() -> None:
    """Of a partition whose first record is not settled only so much is read, though nothing of it waits."""
    line = Line(most_bytes=1_000_000_000)
    line.add([*records("a", [0]), *records("b", range(1, 100_000))])
    first, *others = line.take(100_000)
    line.settle(others)
    assert not line
    assert list(line.full()) == [ONE]
    line.settle([first])
    assert not line.full()
    assert line.all_settled


def test_headers_take_room_as_well() -> None:
    """Whatever a record has counts."""
    line = Line(most_bytes=1_000_000)
    heavy = [replace(one, headers=(("traceparent", b"x" * 100_000),)) for one in records("a", range(10))]
    line.add(heavy)
    assert line.full()
