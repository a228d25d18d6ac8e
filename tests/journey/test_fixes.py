"""What follows a bad release: a good one that goes forward, or another bad one that leaves everybody on stable."""

from tests.journey.test_alerts import returned_by_alert
from tests.journey.world import Tale

SHORT_STEPS = [{"weight_bp": 500, "hold_s": 0.2}, {"weight_bp": 5000, "hold_s": 0.2}]


def test_bad_to_good_fixes_forward(tale: Tale) -> None:
    """Given a release that an alert took back, its fix walks every step and is promoted; nobody meets the bad one."""
    told = returned_by_alert(tale)
    tale.request(tale.world.release("1.5.1", frequency_hz="880"), steps=SHORT_STEPS)
    tale.told(
        *told,
        f"RolloutStarted {tale.service}-3 1.5.1 from 1.4.0",
        "ReleaseReady 1.5.1",
        "StepStarted 0 500",
        "RouteSet 4 stable=1.4.0:9500 candidate=1.5.1:500",
        "StepStarted 1 5000",
        "RouteSet 5 stable=1.4.0:5000 candidate=1.5.1:5000",
        "RolloutPromoted 1.5.1 over 1.4.0",
        "RouteSet 6 stable=1.5.1:10000 previous=1.4.0:0",
    )
    tale.applied(6)
    assert tale.table() == ["stable=1.5.1:10000", "previous=1.4.0:0"]
    assert set(tale.served_by([f"user-{number}" for number in range(10)]).values()) == {"1.5.1"}


def test_bad_to_bad_stays_on_stable(tale: Tale) -> None:
    """Given a release that an alert took back and a next one that cannot even be loaded, stable goes on serving all."""
    told = returned_by_alert(tale)
    tale.request(tale.world.release("1.5.1", frequency_hz="5"), steps=SHORT_STEPS)
    told += [
        f"RolloutStarted {tale.service}-3 1.5.1 from 1.4.0",
        "ReleaseFailed 1.5.1",
        "RolloutAborted release_failed 1.5.1 back to 1.4.0",
        "ReleaseQuarantined 1.5.1",
    ]
    tale.told(*told)
    tale.request(tale.world.release("1.5.2", frequency_hz="880"))
    told += [
        f"RolloutStarted {tale.service}-4 1.5.2 from 1.4.0",
        "ReleaseReady 1.5.2",
        "StepStarted 0 5000",
        "RouteSet 4 stable=1.4.0:5000 candidate=1.5.2:5000",
    ]
    tale.told(*told)
    tale.world.webhook(tale.alert("1.5.2"))
    tale.told(
        *told,
        "AlertMatched Bad 1.5.2 rollback",
        "RolloutAborted alert 1.5.2 back to 1.4.0",
        "RouteSet 5 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.2",
    )
    tale.applied(5)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert set(tale.served_by([f"user-{number}" for number in range(10)]).values()) == {"1.4.0"}
