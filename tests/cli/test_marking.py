"""`segue mark`, and what explains and lists it afterwards."""

from tests.cli.conftest import Deciding
from tests.cli.test_verbs import WHY, start, types


def test_a_rollout_that_nobody_heard_is_not_marked(deciding: Deciding) -> None:
    """A mark goes to its rollout's service, and is refused with the reason; no verdict at all is not understood."""
    segue = deciding.segue
    start(segue, "un-heard")
    segue.json("rollout", "rollback", "un-heard", *WHY)
    refused = segue.json("mark", "un-heard-1", "--false-alarm", *WHY, code=1)
    assert types(refused) == ["OrderRefused"]
    assert refused["refused"] == (
        "rollout un-heard-1 is none that was taken back from users, so there is nothing to mark; "
        "un-heard has had no rollback yet"
    )
    assert segue("mark", "un-heard-1", *WHY).code == 2
