"""What is said beside an order, where a store is to be had: what the facts that it leads to do not say."""

import time

from controller.outside.kafka import publish
from controller.wire.inbound import Input
from tests.cli.conftest import Deciding
from tests.cli.test_verbs import WHY, start, types
from tests.journal.messages import ready, requested


def publish_and_await(deciding: Deciding, one: Input, sign: str, versions: int) -> None:
    """Publish a message and wait until the history of its service has so many facts of a kind."""
    record, service = one.record, one.command.service
    assert record.value is not None
    publish(deciding.tree.kafka, record.topic, service, record.value, headers=record.headers)
    deadline = time.monotonic() + 30
    while len(deciding.segue.json("history", service, "--type", sign, code=None)) < versions:
        assert time.monotonic() < deadline, f"no {sign} of {service}"


def promoted(deciding: Deciding, service: str, *versions: str) -> None:
    """Have releases promoted, one after the other."""
    for number, version in enumerate(versions, 1):
        publish_and_await(deciding, requested(version, number * 10_000, service=service), "RolloutStarted", number)
        publish_and_await(deciding, ready(version, number * 10_000 + 1_000, service=service), "ReleaseReady", number)
        if number > 1:
            assert "RolloutPromoted" in types(deciding.segue.json("rollout", "promote", service, *WHY))


def test_who_names_a_rollout_that_is_over_hears_which_can_be_taken_back(deciding: Deciding) -> None:
    """The refusal says how the last rollout ended; that this one stands on guard is said beside it, and is true."""
    segue, service = deciding.segue, "guarded"
    promoted(deciding, service, "1.4.0", "1.5.0")
    done = segue("rollout", "rollback", service, "--rollout", f"{service}-1", *WHY)
    assert done.code == 1
    assert done.err == (
        "guarded-1 is over, and guarded-2 stands on guard: `segue rollout rollback guarded --reason ...`, without "
        "--rollout, takes that back to 1.4.0\n"
    )
    assert "PromotionReverted" in types(segue.json("rollout", "rollback", service, *WHY))
    assert segue("rollout", "rollback", service, "--rollout", f"{service}-1", *WHY).err == ""


def test_a_service_that_is_new_is_told_before_it_begins(deciding: Deciding) -> None:
    """A slip in the name makes a new service, whose first release takes all its traffic: said, and not refused."""
    segue = deciding.segue
    first = segue("rollout", "start", "sparrow-hawk", "--release", "1.0.0", *WHY)
    assert "sparrow-hawk is a new service: its first release is compared with none, and takes all traffic" in first.err
    slip = segue("rollout", "start", "sparow-hawk", "--release", "1.0.0", *WHY)
    assert slip.code == 0
    assert "; did you mean sparrow-hawk? `segue service retire sparow-hawk --reason ...` ends it again" in slip.err
    assert segue("rollout", "start", "sparow-hawk", "--release", "1.1.0", *WHY).err == ""


def test_an_unknown_plan_is_refused_also_where_nothing_would_change(deciding: Deciding) -> None:
    """Asking for what rolls out already changes nothing, but a plan that there is not is still told."""
    segue, service = deciding.segue, "slipped"
    start(segue, service)
    done = segue("rollout", "start", service, "--release", "1.0.0", "--plan", "quikc", *WHY)
    assert (done.code, done.out) == (1, "there is no plan quikc; of slipped there is: careful, quick, at-once\n")
    assert start(segue, service, "1.0.0", "--plan", "quick")["facts"] == []
