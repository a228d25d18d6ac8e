"""Utterances under way, by release: what a gateway says of itself with a new table, and when the last one ends."""

from controller.core.names import Release
from controller.core.routing import RoutingTable
from controller.gateway.underway import UnderWay
from tests.gateway.stage import SERVICE, table


def release(name: str) -> Release:
    """Make up a release."""
    return Release("tone", name, f"tone__{name}", f"sha256:{name}", 44_100, 20.0, "2026-01-01T00:00:00+00:00")


V1, V2, V3 = release("v1"), release("v2"), release("v3")
ROLLING = table(1, stable=V1, candidate=V2, weight_bp=5000)
TAKEN_BACK = table(2, stable=V1)


class Counted:
    """Utterances under way, and what was told of them: (ensemble, epoch)."""

    def __init__(self, *applied: RoutingTable) -> None:
        self.drained: list[tuple[str, int]] = []
        self.under_way = UnderWay(lambda _, ensemble, epoch: self.drained.append((ensemble, epoch)))
        for one in applied:
            self.under_way.applied(one)


def test_release_is_named_until_its_last_utterance_ends() -> None:
    """Of two utterances on a release that left, the second one's end is told, once, with the table in use."""
    counted = Counted(ROLLING)
    first, second = (counted.under_way.begin(SERVICE, ["tone__v2"]) for _ in range(2))
    assert counted.under_way.applied(TAKEN_BACK) == ("tone__v1", "tone__v2")
    counted.under_way.end(first)
    assert counted.drained == []
    counted.under_way.end(second)
    assert counted.drained == [("tone__v2", 2)]


def test_release_without_utterances_is_gone_with_its_table() -> None:
    """Nobody hears it when it leaves: the table's own word says so, and no other is needed."""
    counted = Counted(ROLLING)
    counted.under_way.end(counted.under_way.begin(SERVICE, ["tone__v2"]))
    assert counted.under_way.applied(TAKEN_BACK) == ("tone__v1",)
    assert counted.drained == []


def test_utterance_counts_for_whoever_may_take_over() -> None:
    """Until it is settled who speaks, the stable of an utterance's own table may be asked; afterwards it may not."""
    counted = Counted(ROLLING)
    turn = counted.under_way.begin(SERVICE, ["tone__v2", "tone__v1"])
    assert counted.under_way.applied(table(2, stable=V3)) == ("tone__v1", "tone__v2", "tone__v3")
    counted.under_way.settle(turn, "tone__v1")
    assert counted.drained == [("tone__v2", 2)]
    counted.under_way.end(turn)
    assert counted.drained == [("tone__v2", 2), ("tone__v1", 2)]


def test_release_that_is_routed_again_is_not_drained() -> None:
    """An older utterance's end says nothing of a release that newer ones may be picked for."""
    counted = Counted(ROLLING)
    turn = counted.under_way.begin(SERVICE, ["tone__v2"])
    counted.under_way.applied(TAKEN_BACK)
    counted.under_way.applied(table(3, stable=V1, candidate=V2, weight_bp=500))
    counted.under_way.end(turn)
    assert counted.drained == []


def test_later_table_carries_on_what_is_under_way() -> None:
    """A release that left two tables ago is named by the newest as long as somebody hears it."""
    counted = Counted(ROLLING)
    turn = counted.under_way.begin(SERVICE, ["tone__v2"])
    counted.under_way.applied(TAKEN_BACK)
    assert counted.under_way.applied(table(3, stable=V1, candidate=V3, weight_bp=500)) == (
        "tone__v1",
        "tone__v2",
        "tone__v3",
    )
    counted.under_way.end(turn)
    assert counted.drained == [("tone__v2", 3)]


def test_table_that_is_reported_again_says_what_is_left() -> None:
    """After a reconnection the same table is reported again, without what was drained meanwhile."""
    counted = Counted(ROLLING)
    turn = counted.under_way.begin(SERVICE, ["tone__v2"])
    counted.under_way.applied(TAKEN_BACK)
    counted.under_way.end(turn)
    assert counted.under_way.applied(TAKEN_BACK) == ("tone__v1",)


def test_services_are_counted_apart() -> None:
    """A release that two services share is drained for each of them by itself."""
    counted = Counted(ROLLING)
    turn = counted.under_way.begin("another", ["tone__v2"])
    assert counted.under_way.applied(TAKEN_BACK) == ("tone__v1",)
    counted.under_way.end(turn)
    assert counted.drained == []
