"""Alerts that come again, come in crowds, come with a promotion, or are about the wrong release."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from kafka import KafkaConsumer, TopicPartition

from controller.core.events import AlertMatched, AlertNoted, OrderRefused, RolloutPromoted
from controller.wire.topics import PARTITIONS, Topic
from tests.journey.test_alerts import BACK, candidate_is_up, returned
from tests.journey.world import PATIENCE_S, Tale, World

TAKEN_BACK = ["RouteSet 3 stable=1.4.0:10000", "ReleaseQuarantined 1.5.0"]


def test_alert_repeats_while_firing(tale: Tale) -> None:
    """Given Alertmanager repeats an alert for as long as it fires, one message rolls back, the others stay quiet."""
    told = candidate_is_up(tale)
    labels = {"alertname": "Bad", "service": tale.service, "release": "1.5.0", "action": "rollback"}
    with repeating_every_second(tale.world):
        tale.world.fire_in_alertmanager(labels)
        facts = returned(tale, told)
        until_received(tale, 3)
        tale.told(*facts)
        tale.request(tale.world.release("1.6.0", frequency_hz="880"))
        facts += [
            f"RolloutStarted {tale.service}-3 1.6.0 from 1.4.0",
            "ReleaseReady 1.6.0",
            "StepStarted 0 5000",
            "RouteSet 4 stable=1.4.0:5000 candidate=1.6.0:5000",
        ]
        tale.told(*facts)
        until_received(tale, received(tale) + 1)
        resolve_in_alertmanager(tale.world, labels)
        tale.told(*facts, "AlertNoted Bad 1.5.0 resolved")
    assert tale.table() == ["stable=1.4.0:5000", "candidate=1.6.0:5000"]


def test_alert_for_stable_version_pages_but_does_not_route(tale: Tale) -> None:
    """Given a critical alert about the stable release, people are told of it and no traffic moves."""
    told = candidate_is_up(tale)
    users = [f"user-{number}" for number in range(10)]
    before = tale.served_by(users)
    labels = {"alertname": "Bad", "service": tale.service, "release": "1.4.0", "severity": "critical"}
    tale.world.fire_in_alertmanager(labels)
    tale.told(*told, "AlertNoted Bad 1.4.0 firing")
    notice = tale.world.pager.told(tale.service, "alert Bad fired and moved no traffic")
    assert "there is no former one to go back to" in notice["reason"]
    assert tale.table() == ["stable=1.4.0:5000", "candidate=1.5.0:5000"]
    assert tale.served_by(users) == before


def test_two_alerts_race_a_promotion(tale: Tale) -> None:
    """Given two alerts and an order to promote at the same moment, the release is taken back once, whoever is first."""
    told = candidate_is_up(tale)
    worse = {**tale.alert("1.5.0", alertname="Worse"), "fingerprint": f"{tale.service}-worse"}
    with ThreadPoolExecutor(3) as three:
        three.submit(tale.order, "promote")
        for alert in (tale.alert("1.5.0"), worse):
            three.submit(tale.world.webhook, alert)
    alerts, order = (AlertMatched, AlertNoted), (RolloutPromoted, OrderRefused)

    def all_decided() -> bool:
        events = [fact.event for fact in tale.facts()][len(told) :]
        return [sum(isinstance(event, kinds) for event in events) for kinds in (alerts, order)] == [2, 1]

    tale.world.until("two alerts and an order are decided", all_decided)
    assert tale.sentences() in [[*told, *way] for way in ways_of_the_race()]
    assert tale.table() == ["stable=1.4.0:10000"]
    tale.applied(tale.world.reader.tables[tale.service].epoch)
    assert set(tale.served_by([f"user-{number}" for number in range(10)]).values()) == {"1.4.0"}


def ways_of_the_race() -> Iterator[list[str]]:
    """Every order in which one promotion and two alerts can be decided, and the facts that each must give."""
    for first, second in (("Bad", "Worse"), ("Worse", "Bad")):
        quarantined, late = "ReleaseQuarantined 1.5.0", f"AlertNoted {second} 1.5.0 firing"
        reverted = [
            "RolloutPromoted 1.5.0 over 1.4.0",
            "RouteSet 3 stable=1.5.0:10000 previous=1.4.0:0",
            f"AlertMatched {first} 1.5.0 rollback",
            "PromotionReverted alert 1.5.0 back to 1.4.0",
            "RouteSet 4 stable=1.4.0:10000",
        ]
        aborted = [
            f"AlertMatched {first} 1.5.0 rollback",
            "RolloutAborted alert 1.5.0 back to 1.4.0",
            "RouteSet 3 stable=1.4.0:10000",
        ]
        yield [*reverted, quarantined, late]
        yield [*aborted, quarantined, late, "OrderRefused PromoteRollout"]
        yield [*aborted, quarantined, "OrderRefused PromoteRollout", late]


def test_alert_storm_1000_in_1s_one_rollback(tale: Tale) -> None:
    """Given a thousand alerts about the candidate at once, the first one rolls back and the others are noted."""
    told = candidate_is_up(tale)
    storm = [{**tale.alert("1.5.0"), "fingerprint": f"{tale.service}-{number}"} for number in range(1000)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda at: tale.world.webhook(*storm[at : at + 50]), range(0, 1000, 50)))
    assert {answer.status_code for answer in answers} == {202}
    tale.told(*told, *BACK, *TAKEN_BACK, *["AlertNoted Bad 1.5.0 firing"] * 999)
    tale.applied(3)
    assert tale.table() == ["stable=1.4.0:10000"]
    assert tale.served_by(["ann", "ben"]) == {"ann": "1.4.0", "ben": "1.4.0"}


@contextmanager
def repeating_every_second(world: World) -> Iterator[None]:
    """Let the world's Alertmanager repeat alerts every second, and as before when the block ends."""
    config = world.tree.settings.data / "alertmanager" / "alertmanager.yml"
    before = config.read_text()
    after = before.replace("repeat_interval: 30s", "repeat_interval: 1s")
    assert after != before

    def use(text: str) -> None:
        config.write_text(text)
        world.http.post(f"{world.tree.alertmanager_url}/-/reload").raise_for_status()

    try:
        use(after)
        yield
    finally:
        use(before)


def resolve_in_alertmanager(world: World, labels: dict[str, str]) -> None:
    """Let the real Alertmanager believe that a rule fires no longer."""
    body = [{"labels": labels, "endsAt": datetime.now(UTC).isoformat()}]
    world.http.post(f"{world.tree.alertmanager_url}/api/v2/alerts", json=body).raise_for_status()


def until_received(tale: Tale, count: int) -> None:
    """Wait until Kafka has this many alerts of the tale's service."""
    deadline = time.monotonic() + PATIENCE_S
    while received(tale) < count:
        assert time.monotonic() < deadline, f"Alertmanager sent fewer than {count} alerts within {PATIENCE_S} s"
        time.sleep(0.1)


def received(tale: Tale) -> int:
    """Count the alerts of the tale's service in Kafka."""
    consumer = KafkaConsumer(bootstrap_servers=tale.world.tree.kafka, group_id=None, auto_offset_reset="earliest")
    partitions = [TopicPartition(Topic.ALERTS.value, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    count = 0
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for records in consumer.poll(timeout_ms=100).values():
            count += sum(record.key == tale.service.encode() for record in records)
    consumer.close()
    return count
