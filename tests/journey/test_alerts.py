"""What alerts do, from Alertmanager to the gateway."""

import time
from datetime import UTC, datetime

from controller.core.events import AlertNoted
from controller.wire.topics import Topic
from tests.journey.world import Tale

BACK = ["AlertMatched Bad 1.5.0 rollback", "RolloutAborted alert 1.5.0 back to 1.4.0"]


def candidate_is_up(tale: Tale) -> list[str]:
    """1.4.0 and 1.5.0 share the traffic."""
    return tale.walk_to_candidate(tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660"))


def returned(tale: Tale, told: list[str]) -> list[str]:
    """The candidate was taken back by one alert."""
    facts = [*told, *BACK, "RouteSet 3 stable=1.4.0:10000", "ReleaseQuarantined 1.5.0"]
    tale.told(*facts)
    tale.applied(3)
    assert tale.table() == ["stable=1.4.0:10000"]
    return facts


def test_good_to_bad_rolls_back(tale: Tale) -> None:
    """Given a candidate that fails on long texts, the rule fires, the traffic returns, and no user notices."""
    told = tale.walk_to_candidate(
        tale.world.release("1.4.0"), tale.world.release("1.5.0", frequency_hz="660", max_characters="60")
    )
    speaking, began_s = 0, time.monotonic()
    while not any(sentence.startswith("RouteSet 3") for sentence in tale.sentences()):
        tale.served_by([f"user-{speaking}", f"other-{speaking}"])
        answer = tale.say("so long " * 10, user=f"long-{speaking}")
        assert answer.status_code == 200
        assert answer.content
        speaking += 1
        assert time.monotonic() < began_s + 60, "the rule never fired"
    facts = tale.sentences()
    assert facts[: len(told)] == told
    assert facts[len(told)].startswith("AlertMatched ")
    assert facts[len(told)].endswith(" 1.5.0 rollback")
    assert facts[len(told) + 1 : len(told) + 3] == [
        "RolloutAborted alert 1.5.0 back to 1.4.0",
        "RouteSet 3 stable=1.4.0:10000",
    ]
    tale.told(*facts[: len(told) + 3], "ReleaseQuarantined 1.5.0")
    tale.applied(3)
    assert set(tale.served_by([f"user-{number}" for number in range(20)]).values()) == {"1.4.0"}


def test_alert_after_promotion_rolls_back(tale: Tale) -> None:
    """Given a promoted release inside its guard window, an alert about it gives all traffic to the former stable."""
    told = candidate_is_up(tale)
    tale.order("promote")
    told += ["RolloutPromoted 1.5.0 over 1.4.0", "RouteSet 3 stable=1.5.0:10000 previous=1.4.0:0"]
    tale.told(*told)
    now = datetime.now(UTC).isoformat()
    assert tale.world.webhook({**tale.alert("1.5.0"), "startsAt": now}).status_code == 202
    tale.told(
        *told,
        "AlertMatched Bad 1.5.0 rollback",
        "PromotionReverted alert 1.5.0 back to 1.4.0",
        "RouteSet 4 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    )
    tale.applied(4)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert tale.served_by(["ann"]) == {"ann": "1.4.0"}


def test_duplicate_alert(tale: Tale) -> None:
    """Given one alert delivered three times, it is decided once."""
    told = candidate_is_up(tale)
    for _ in range(3):
        assert tale.world.webhook(tale.alert("1.5.0")).status_code == 202
    facts = returned(tale, told)
    tale.world.webhook(tale.alert("1.5.0", "resolved"))
    tale.told(*facts, "AlertNoted Bad 1.5.0 resolved")


def test_resolved_never_repromotes(tale: Tale) -> None:
    """Given a rollback, when its alert is resolved, that is recorded and no traffic moves."""
    facts = returned_by_alert(tale)
    tale.world.webhook(tale.alert("1.5.0", "resolved"))
    tale.told(*facts, "AlertNoted Bad 1.5.0 resolved")
    assert tale.table() == ["stable=1.4.0:10000"]


def returned_by_alert(tale: Tale) -> list[str]:
    """1.5.0 was the candidate and an alert took it back."""
    told = candidate_is_up(tale)
    tale.world.webhook(tale.alert("1.5.0"))
    return returned(tale, told)


def test_late_alert_for_rolled_back_version(tale: Tale) -> None:
    """Given the next candidate on its way, a late alert about the one before is recorded and hits nobody."""
    facts = returned_by_alert(tale)
    tale.request(tale.world.release("1.6.0", frequency_hz="880"))
    facts += [
        f"RolloutStarted {tale.service}-3 1.6.0 from 1.4.0",
        "ReleaseReady 1.6.0",
        "StepStarted 0 5000",
        "RouteSet 4 stable=1.4.0:5000 candidate=1.6.0:5000",
    ]
    tale.told(*facts)
    late = {**tale.alert("1.5.0"), "startsAt": "2026-01-01T00:05:00Z"}
    tale.world.webhook(late)
    tale.told(*facts, "AlertNoted Bad 1.5.0 firing")
    assert tale.table() == ["stable=1.4.0:5000", "candidate=1.6.0:5000"]


def test_alert_for_unknown_service_is_journalled_not_lost(tale: Tale) -> None:
    """Given a service nothing was ever rolled out for, the real Alertmanager's alert is a fact of its stream."""
    labels = {"alertname": "Bad", "service": tale.service, "release": "1.5.0", "severity": "critical"}
    tale.world.fire_in_alertmanager(labels)
    tale.told("AlertNoted Bad 1.5.0 firing")
    (fact,) = [fact.event for fact in tale.facts()]
    assert isinstance(fact, AlertNoted)
    assert "nothing was ever rolled out" in fact.reason


def test_grouped_alerts_for_two_services(tale: Tale) -> None:
    """Given one notification about two services, each service decides its own alert."""
    other = Tale(tale.world, f"{tale.service}-b")
    told, others = candidate_is_up(tale), candidate_is_up(other)
    assert tale.world.webhook(tale.alert("1.5.0"), other.alert("1.5.0")).status_code == 202
    returned(tale, told)
    returned(other, others)


def test_poison_message_in_a_batch_loses_no_neighbour(tale: Tale) -> None:
    """Given unreadable bytes between two alerts of one service, both are decided and the bytes are rejected."""
    told = candidate_is_up(tale)
    warning = tale.world.event("alert.received", tale.service, _alert_data(tale, "warning", "w"))
    critical = tale.world.event("alert.received", tale.service, _alert_data(tale, "critical", "c"))
    for value in (warning, b"\xff\xfe not json", b'{"specversion": "1.0"}', critical):
        tale.world.producer.send(Topic.ALERTS.value, key=tale.service.encode(), value=value)
    tale.world.producer.flush()
    tale.told(
        *told,
        "AlertNoted Bad 1.5.0 firing",
        "MessageRejected alerts.received",
        "MessageRejected alerts.received",
        *BACK,
        "RouteSet 3 stable=1.4.0:10000",
        "ReleaseQuarantined 1.5.0",
    )
    assert tale.table() == ["stable=1.4.0:10000"]


def _alert_data(tale: Tale, severity: str, fingerprint: str) -> dict[str, object]:
    return {
        "fingerprint": fingerprint,
        "alertname": "Bad",
        "status": "firing",
        "release": "1.5.0",
        "labels": {"service": tale.service, "release": "1.5.0", "severity": severity},
        "starts_at": "2026-01-01T00:00:00Z",
        "received_at_ms": 1_767_225_600_000,
    }
