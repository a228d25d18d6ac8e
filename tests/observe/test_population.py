"""Only those whom chance divided between candidate and stable are compared."""

from controller.core.plan import Step
from controller.core.routing import Segment
from controller.core.sequential import ArmCounts
from controller.observe.counting import Increment
from controller.observe.population import BLOCKS, MEASURED, REQUESTS, arms

VIP = Segment("vip", (("tier", "vip"),), 0)
STAFF = Segment("staff", (("header:x-staff", "1"),), 10_000)
FREE = Segment("free", (("tier", "free"),), 2_000)
JAPAN = Segment("japan", (("region", "jp"),), 1_000)


def requests(arm: str, release: str, count: int, segment: str = "", outcome: str = "ok") -> Increment:
    """Some requests that ended."""
    labels = {"__name__": REQUESTS, "arm": arm, "release": release, "outcome": outcome}
    # An empty label is none to Prometheus.
    return Increment(labels | ({"segment": segment} if segment else {}), count)


def compared(step: Step, *increments: Increment) -> tuple[int, int]:
    """Candidate's and stable's requests that are compared, 1.5.0 with 1.4.0."""
    ours, theirs = arms(increments, step, "1.5.0", "1.4.0")
    return ours.requests, theirs.requests


def everywhere(*segments: str) -> tuple[Increment, ...]:
    """Requests of both arms in some segments: 1 and 2 in the first, 10 and 20 in the second, and so on."""
    return tuple(
        requests(arm, release, count * 10**place, segment)
        for place, segment in enumerate(segments)
        for arm, release, count in (("candidate", "1.5.0", 1), ("stable", "1.4.0", 2))
    )


def test_common_weight_compares_whom_no_segment_decided() -> None:
    """While the common weight divides users, only those whom no segment decided are compared."""
    step = Step(500, 60, segments=(STAFF, FREE, VIP))
    assert compared(step, *everywhere("", "staff", "free", "vip")) == (1, 2)


def test_segment_is_compared_within_itself() -> None:
    """While the common weight is 0 or 100 %, the segment that is divided is compared, and not with anybody else."""
    for weight_bp in (0, 10_000):
        step = Step(weight_bp, 60, segments=(STAFF, FREE))
        assert compared(step, *everywhere("", "staff", "free")) == (100, 200)


def test_of_several_divided_segments_the_busiest_is_compared() -> None:
    """Segments are not thrown together: where the shares differ, so do the users."""
    step = Step(0, 60, segments=(FREE, JAPAN))
    assert compared(step, *everywhere("free", "japan")) == (10, 20)
    assert compared(step, *everywhere("japan", "free")) == (10, 20)


def test_nobody_divided_is_compared_with_nobody() -> None:
    """Staff who all hear the candidate are no sample of those who all hear stable."""
    step = Step(0, 60, segments=(STAFF,))
    assert compared(step, *everywhere("", "staff")[1:]) == (0, 2)


def test_copies_are_compared_with_all_of_stable() -> None:
    """Copies are drawn from all of stable's requests alike; once users are served, only users are compared."""
    counted = (
        requests("mirror", "1.5.0", 5),
        requests("mirror", "1.5.0", 50, "vip"),
        *everywhere("", "vip"),
    )
    assert compared(Step(0, 60, mirror_bp=1000, segments=(VIP,)), *counted) == (55, 22)
    assert compared(Step(500, 60, mirror_bp=1000, segments=(VIP,)), *counted) == (1, 2)


def test_testers_and_other_releases_are_not_counted() -> None:
    """Who forced a release chose it; what the rollout before measured says nothing about this one."""
    counted = (
        *everywhere(""),
        requests("forced", "1.5.0", 100),
        requests("previous", "1.4.0", 100),
        requests("candidate", "1.4.9", 100),
        requests("stable", "1.3.0", 100),
    )
    assert compared(Step(500, 60), *counted) == (1, 2)


def test_overrun_release_did_not_fail() -> None:
    """Whoever was spoken by another, for the candidate had no place in time, is one of its requests, and no failure."""
    labels = {"__name__": MEASURED, "arm": "candidate", "release": "1.5.0", "measure": "latency", "bucket": "41"}
    overrun = requests("candidate", "1.5.0", 7, outcome="overrun")
    ours, _ = arms((*everywhere(""), overrun, Increment(labels, 7)), Step(500, 60), "1.5.0", "1.4.0")
    assert ours == ArmCounts(8, 0, latency=((41, 7),))


def test_counts_are_added_up_over_instances_and_endpoints() -> None:
    """Outcomes, blocks and buckets each come to one sum; a histogram ascends."""
    labels = {"arm": "candidate", "release": "1.5.0"}
    both = [
        Increment({"__name__": name, **labels, **more, "endpoint": endpoint}, count)
        for endpoint, count in (("a:8000", 3), ("b:8000", 4))
        for name, more in (
            (REQUESTS, {"outcome": "ok"}),
            (REQUESTS, {"outcome": "failed"}),
            (BLOCKS, {"outcome": "ok"}),
            (BLOCKS, {"outcome": "failed"}),
            (MEASURED, {"measure": "latency", "bucket": "-7"}),
            (MEASURED, {"measure": "latency", "bucket": "-31"}),
            (MEASURED, {"measure": "ttfa", "bucket": "12"}),
            (MEASURED, {"measure": "something new", "bucket": "1"}),
        )
    ]
    ours, theirs = arms(both, Step(500, 60), "1.5.0", "1.4.0")
    assert ours == ArmCounts(14, 7, 14, 7, latency=((-31, 7), (-7, 7)), ttfa=((12, 7),))
    assert theirs == ArmCounts()
