"""Parts that are away when they are needed most."""

import time
from datetime import UTC, datetime

from tests.journey.test_alerts import BACK, candidate_is_up
from tests.journey.world import Tale


def test_broker_down_when_alert_fires(tale: Tale) -> None:
    """Given Kafka is down when the alert fires, the webhook answers 503, Alertmanager tries again, nothing is lost."""
    told = candidate_is_up(tale)
    kafka = tale.world.tree["kafka"]
    kafka.stop()
    refused = tale.world.webhook(tale.alert("1.5.0"))
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    labels = {"alertname": "Bad", "service": tale.service, "release": "1.5.0", "severity": "critical"}
    tale.world.fire_in_alertmanager(labels)
    time.sleep(1)
    assert tale.sentences() == told
    kafka.start()
    tale.told(*told, *BACK, "RouteSet 3 stable=1.4.0:10000", "ReleaseQuarantined 1.5.0")
    tale.applied(3)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert tale.served_by(["ann", "ben"]) == {"ann": "1.4.0", "ben": "1.4.0"}


def test_gateway_restart_keeps_last_table(tale: Tale) -> None:
    """Given Kafka is down, a gateway that is killed comes back with its last table and goes on serving."""
    candidate_is_up(tale)
    users = [f"user-{number}" for number in range(10)]
    before = tale.served_by(users)
    assert set(before.values()) == {"1.4.0", "1.5.0"}
    kafka, gateway = tale.world.tree["kafka"], tale.world.tree["gateway"]
    kafka.stop()
    gateway.restart()
    assert tale.served_by(users) == before
    kafka.start()
    now = datetime.now(UTC).isoformat()
    deadline = time.monotonic() + 20
    while tale.world.webhook({**tale.alert("1.5.0"), "startsAt": now}).status_code != 202:
        assert time.monotonic() < deadline, "the API never found Kafka again"
        time.sleep(0.2)
    tale.applied(3)
    assert set(tale.served_by(users).values()) == {"1.4.0"}
