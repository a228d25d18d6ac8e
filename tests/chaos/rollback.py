"""One rollback by one alert: the facts that it must come to, whatever dies on its way."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.journey.test_alerts import BACK
from tests.journey.world import Tale

ROLLED_BACK = [*BACK, "RouteSet 3 stable=1.4.0:10000", "ReleaseQuarantined 1.5.0"]
ALL_BACK = dict.fromkeys(["ann", "ben", "cho", "dan"], "1.4.0")


@contextmanager
def deciders_away(tale: Tale) -> Iterator[None]:
    """Whoever decides is ended in order, and started again when the block ends."""
    control = tale.world.tree["control"]
    control.stop()
    try:
        yield
    finally:
        control.start()


def rolled_back_once(tale: Tale, told: list[str]) -> None:
    """The facts are those of one rollback, also after what came behind the alert on its partition was decided."""
    facts = [*told, *ROLLED_BACK]
    tale.told(*facts)
    tale.applied(3)
    tale.world.webhook(tale.alert("1.5.0", "resolved"))
    tale.told(*facts, "AlertNoted Bad 1.5.0 resolved")
    assert tale.table() == ["stable=1.4.0:10000"]
    assert tale.served_by(ALL_BACK) == ALL_BACK
