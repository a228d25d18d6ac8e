"""What people say of a rollback afterwards, from the message to the report."""

from tests.journey.asking import segue
from tests.journey.test_alerts import returned_by_alert
from tests.journey.world import Tale


def counted(tale: Tale) -> tuple[int, int, int]:
    """Return how many changes, failures and false alarms `segue report` tells of the service."""
    total = segue(tale.world).json("report", "--service", tale.service)["total"]
    return total["changes"], total["failed"], total["false_alarms"]


def test_a_rollback_is_marked_as_a_false_alarm_and_that_is_taken_back(tale: Tale) -> None:
    """Given a rollback that nobody believes in, a mark changes what the report counts, and moves no traffic."""
    facts = returned_by_alert(tale)
    rollout = f"{tale.service}-2"
    assert counted(tale) == (2, 1, 0)
    why = ("--actor", "ann", "--reason", "the network failed, not the voice")
    answer = segue(tale.world).json("mark", rollout, "--false-alarm", *why, "--wait", "20")
    assert [(fact["type"], fact["rollout"], fact["actor"]) for fact in answer["facts"]] == [
        ("RollbackMarked", rollout, "ann")
    ]
    facts += ["RollbackMarked false alarm"]
    tale.told(*facts)
    assert counted(tale) == (2, 0, 1)
    tale.order("mark", rollout=rollout, false_alarm=False)
    tale.told(*facts, "RollbackMarked true alarm")
    assert counted(tale) == (2, 1, 0)
    assert tale.table() == ["stable=1.4.0:10000"]
