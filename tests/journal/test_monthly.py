"""The report: figures worked out by hand from a history in which rollouts end in every way, alike on both stores."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from controller.handle import handle
from controller.journal import Store, views
from controller.journal.monthly import Sums, report
from controller.wire.messages import MessageType
from tests.journal.audited import OTHER, filled, told
from tests.journal.messages import SERVICE, alert, installed, ordered, rolling
from tests.journal.reported import at, months

FEBRUARY = Sums(
    deployments=2,
    lead_time_s=3615.0,  # the middle of 30 and 7200
    changes=3,
    failed=1,
    false_alarms=0,
    change_failure_rate=1 / 3,
    time_to_restore_s=0.26,
    exposed_requests=300,
    exposed_s=1800.0,
    superseded=0,
    withdrawn=0,
    unheard=0,
    ways_back=0,
    running=0,
)
MARCH = Sums(
    deployments=4,
    lead_time_s=1500.0,  # the middle of 120, 1200, 1800 and 3600
    changes=6,
    failed=3,
    false_alarms=1,
    change_failure_rate=0.5,
    time_to_restore_s=0.5,  # of 0.004, 0.5 and 21.5
    exposed_requests=540,  # 500 and 40
    exposed_s=86_611.0,  # 11, 60 + 180, 3540 + 82,820
    superseded=1,
    withdrawn=1,
    unheard=1,
    ways_back=1,
    running=1,
)
NONE = replace(
    FEBRUARY,
    deployments=0,
    lead_time_s=None,
    changes=0,
    failed=0,
    change_failure_rate=None,
    time_to_restore_s=None,
    exposed_requests=0,
    exposed_s=0.0,
)
SUZUME = replace(NONE, deployments=1, lead_time_s=45.0, changes=1, change_failure_rate=0.0)


@pytest.fixture
async def reported(store: Store, tmp_path: Path) -> Store:
    """A store that holds those months."""
    await filled(store, tmp_path, months())
    return store


async def test_each_rollout_counts_as_what_came_of_it(reported: Store) -> None:
    """Every way in which a rollout can end has its name, and a release left for an older one has failed."""
    rows = await told(reported, f"SELECT rollout, result FROM audit_changes WHERE service = '{SERVICE}'")
    assert {row["rollout"].removeprefix("hibari-"): row["result"] for row in rows} == {
        **dict.fromkeys(("1", "2", "4", "11"), "promoted"),
        **dict.fromkeys(("3", "5", "6", "12"), "failed"),
        "7": "superseded",
        "8": "false_alarm",
        "9": "unheard",
        "10": "withdrawn",
        "13": "way_back",
        "14": "running",
    }


async def test_a_report_by_service_and_month(reported: Store) -> None:
    """Months are those of UTC and of the promotion; what all services did together is told by month, and of all."""
    found = await report(reported)
    assert found.by_service == {
        (SERVICE, "2026-02"): FEBRUARY,
        (SERVICE, "2026-03"): MARCH,
        (OTHER, "2026-03"): SUZUME,
    }
    assert list(found.by_month) == ["2026-02", "2026-03"]
    assert found.by_month["2026-02"] == FEBRUARY
    together = found.by_month["2026-03"]
    assert (together.deployments, together.lead_time_s, together.changes) == (5, 1200.0, 7)
    assert found.total == replace(
        MARCH,
        deployments=7,
        lead_time_s=1200.0,  # of 30, 45, 120, 1200, 1800, 3600 and 7200
        changes=10,
        failed=4,
        change_failure_rate=0.4,
        time_to_restore_s=0.38,  # the middle of 0.004, 0.26, 0.5 and 21.5
        exposed_requests=840,
        exposed_s=88_411.0,
    )


async def test_an_auditor_gets_the_same_in_sql(reported: Store) -> None:
    """`audit_months` holds each figure of the report, under its name."""
    rows = await told(reported, "SELECT * FROM audit_months")
    found = {(row.pop("service"), row.pop("month")): row for row in rows}
    for place, sums in (await report(reported)).by_service.items():
        assert found.pop(place) == pytest.approx(asdict(sums))
    assert found == {}


async def test_a_mark_takes_a_failure_out_and_its_correction_brings_it_back(reported: Store) -> None:
    """A false alarm is a change that did not fail, and nobody met a bad release by it."""
    back = ordered(MessageType.MARK, at("03-25T10:00:00"), rollout="hibari-13", false_alarm=True)
    await handle(reported, [back])
    march = (await report(reported)).by_service[SERVICE, "2026-03"]
    assert (march.changes, march.failed, march.false_alarms) == (6, 2, 2)
    assert (march.exposed_requests, march.exposed_s) == (540, 251.0)
    await handle(
        reported,
        [
            ordered(MessageType.MARK, at("03-25T11:00:00"), rollout="hibari-13", false_alarm=False),
            ordered(MessageType.MARK, at("03-25T12:00:00"), rollout="hibari-8", false_alarm=False),
        ],
    )
    march = (await report(reported)).by_service[SERVICE, "2026-03"]
    assert (march.changes, march.failed, march.false_alarms) == (6, 4, 0)
    assert march.exposed_requests == 7540


async def test_what_can_be_marked_is_what_the_views_say_was_taken_back(reported: Store) -> None:
    """The state that orders are decided by names the rollouts of `audit_rollbacks`, and the ways back."""
    rows = await told(
        reported,
        "SELECT rollout FROM audit_rollbacks UNION SELECT rollout FROM audit_changes WHERE result = 'way_back'",
    )
    service = await views.service(reported, SERVICE)
    assert service is not None
    assert sorted(service.state.taken_back) == sorted(row["rollout"] for row in rows)


async def test_filters_take_rollouts_by_service_and_time(reported: Store) -> None:
    """Both ends belong to the time asked for; of a rollout that runs, its start counts."""
    assert (await report(reported, OTHER)).by_service == {(OTHER, "2026-03"): SUZUME}
    promoted_ms = at("03-01T00:10:00")
    (only,) = (await report(reported, SERVICE, promoted_ms, promoted_ms)).by_service.values()
    assert only == replace(NONE, deployments=1, lead_time_s=1200.0, changes=1, change_failure_rate=0.0)
    (only,) = (await report(reported, since_ms=at("03-31T00:00:00"))).by_service.values()
    assert only == replace(NONE, running=1)
    assert (await report(reported, since_ms=at("04-01T00:00:00"))).total == NONE


async def test_a_candidate_that_falls_with_its_stable_has_not_failed(store: Store) -> None:
    """The release that the alert was about has; the one that was on its way meanwhile is withdrawn."""
    promoted = ordered(MessageType.PROMOTE, 12_000)
    await handle(store, [*installed(), *rolling("1.5.0", 10_000), promoted, *rolling("1.6.0", 15_000)])
    await handle(store, [alert("1.5.0", 20_000)])
    rows = await told(store, "SELECT rollout, result FROM audit_changes ORDER BY counted_at")
    assert [tuple(row.values()) for row in rows] == [
        ("hibari-1", "promoted"),
        ("hibari-2", "failed"),
        ("hibari-3", "withdrawn"),
    ]
