"""What auditors read: views of one name, one meaning and equal rows on both stores, and a role that reads no more."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection, insert

from controller.handle import handle
from controller.journal import Store, open_store
from controller.journal.database import database
from controller.journal.rebuild import rebuild
from controller.journal.schema import upgrade
from controller.journal.tables import journal
from controller.parts.postgres import Postgres
from controller.wire.inbound import Input, read
from controller.wire.messages import MessageType
from migrations.reporting import EVERY_VIEW
from tests.histories import journal_rows
from tests.journal.audited import audited, day, told
from tests.journal.conftest import KINDS, NewUrl, Opened
from tests.journal.messages import SERVICE, alert, applied, installed, message, ordered, ready, release, rolling
from tests.journal.test_measured import counted
from tests.journal.test_schema import schema_at


@pytest.fixture
async def audit(store: Store, tmp_path: Path) -> Store:
    """A store that holds the day of `audited`."""
    await audited(store, tmp_path)
    return store


async def test_both_stores_give_equal_rows(new_url: NewUrl, opened: Opened, tmp_path: Path) -> None:
    """Whoever asks a view gets the same columns and values, whichever store he asks."""
    lite, postgres = [await opened(await new_url(kind)) for kind in KINDS]
    for store in (lite, postgres):
        await audited(store, tmp_path)
    for view in EVERY_VIEW:
        asked = f"SELECT * FROM {view}"
        ours, theirs = await told(lite, asked), await told(postgres, asked)
        assert [list(row) for row in ours[:1]] == [list(row) for row in theirs[:1]]
        assert sorted(ours, key=str) == sorted(theirs, key=str) != []


async def test_a_rebuild_gives_the_same(store: Store) -> None:
    """What stood in the views as facts came in stands there when the tables below are made anew."""
    for one in day():
        await handle(store, [one])
    before = {view: sorted(await told(store, f"SELECT * FROM {view}"), key=str) for view in EVERY_VIEW}
    await rebuild(store)
    assert {view: sorted(await told(store, f"SELECT * FROM {view}"), key=str) for view in EVERY_VIEW} == before


async def test_a_batch_counts_as_its_messages_one_by_one(
    store: Store, kind: str, new_url: NewUrl, opened: Opened
) -> None:
    """However many messages are decided at once, exposure and weights are those of each in its turn."""
    at_once = await opened(await new_url(kind))
    for one in day():
        await handle(store, [one])
    await handle(at_once, list(day()))
    for view in ("audit_rollouts", "audit_weights", "audit_releases"):
        asked = f"SELECT * FROM {view}"
        assert sorted(await told(at_once, asked), key=str) == sorted(await told(store, asked), key=str)


async def test_events_are_the_journal_flat(audit: Store) -> None:
    """One row a fact, with its body as it was written."""
    rows = await told(audit, f"SELECT * FROM audit_events WHERE service = '{SERVICE}' ORDER BY position")
    assert list(rows[0]) == ["service", "position", "at", "type", "actor", "reason", "rollout", "cause", "body"]
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    (back,) = [row for row in rows if row["type"] == "PromotionReverted"]
    assert (back["at"], back["actor"], back["rollout"]) == ("2026-03-02T12:05:00.000Z", "tomo", "hibari-4")
    assert json.loads(back["body"])["release"]["version"] == "1.7.0"


async def test_a_rollout_says_how_it_ended_and_whom_it_reached(audit: Store) -> None:
    """Weight, seconds and requests are those of the candidate; going back is counted from its first listener."""
    asked = (
        "SELECT release, from_release, outcome, trigger, ended_by, max_weight_bp, exposed_s, exposed_requests, "
        f"time_to_rollback_s FROM audit_rollouts WHERE service = '{SERVICE}' ORDER BY started_at"
    )
    assert [tuple(row.values()) for row in await told(audit, asked)] == [
        ("1.4.0", None, "promoted", None, "tests/hibari", 0, 0.0, 0, None),
        ("1.5.0", "1.4.0", "aborted", "evidence", "tests/hibari", 500, 11.0, 500, 11.0),
        ("1.6.0", "1.4.0", "aborted", "alert", "tests/hibari", 5000, 540.0, 5680, 540.0),
        ("1.7.0", "1.4.0", "reverted", "order", "tomo", 500, 60.0, 0, 240.0),
        ("1.8.0", "1.4.0", "running", None, None, 500, 11.0, 200, None),
    ]


async def test_copies_that_nobody_heard_expose_nobody(store: Store) -> None:
    """A mirrored candidate has no weight: no seconds, no requests, and no time to go back."""
    plan = {"name": "mirror", "steps": [{"weight_bp": 0, "mirror_bp": 10_000, "hold_s": 600}], "gates": []}
    await handle(store, [*installed(), _requested_by(plan), ready("1.5.0", 11_000), _window(11_000)])
    await handle(store, [alert("1.5.0", 30_000)])
    asked = "SELECT max_weight_bp, exposed_s, exposed_requests, time_to_rollback_s FROM audit_rollouts"
    (row,) = await told(store, f"{asked} WHERE rollout = 'hibari-2'")
    assert tuple(row.values()) == (0, 0.0, 0, None)
    assert await told(store, "SELECT * FROM audit_rollbacks") == []


async def test_a_segment_that_hears_it_is_exposed(store: Store) -> None:
    """A share that only some listeners have is traffic, and stands beside the common weight."""
    vip = {"name": "vip", "where": {"tier": "vip"}, "weight_bp": 2500}
    plan = {"name": "vip-first", "steps": [{"weight_bp": 0, "segments": [vip], "hold_s": 600}], "gates": []}
    await handle(store, [*installed(), _requested_by(plan), ready("1.5.0", 11_000), _window(11_000)])
    await handle(store, [alert("1.5.0", 31_000)])
    asked = "SELECT max_weight_bp, exposed_s, exposed_requests, time_to_rollback_s FROM audit_rollouts"
    (row,) = await told(store, f"{asked} WHERE rollout = 'hibari-2'")
    assert tuple(row.values()) == (2500, 20.0, 500, 20.0)
    (weight,) = await told(store, "SELECT weight_bp, segments FROM audit_weights WHERE role = 'candidate'")
    assert weight["weight_bp"] == 0
    assert json.loads(weight["segments"]) == [{"name": "vip", "weight_bp": 2500, "where": [["tier", "vip"]]}]


async def test_weights_say_who_set_them_and_until_when(audit: Store) -> None:
    """One row for each release in each table; the one that is live has no end."""
    asked = (
        "SELECT epoch, release, role, weight_bp, valid_from, valid_to, actor, reason FROM audit_weights "
        f"WHERE service = '{SERVICE}' AND epoch IN (5, 6, 10) ORDER BY epoch, role DESC"
    )
    six, seven, ten = "2026-03-02T11:06:00.000Z", "2026-03-02T11:10:00.000Z", "2026-03-02T14:01:00.000Z"
    fired, heard = "alert SpeechErrors fired for 1.6.0", "the release is loaded and its probe spoke"
    assert [tuple(row.values()) for row in await told(audit, asked)] == [
        (5, "1.4.0", "stable", 5000, six, seven, "lena", "sounds good to me"),
        (5, "1.6.0", "candidate", 5000, six, seven, "lena", "sounds good to me"),
        (6, "1.4.0", "stable", 10000, seven, "2026-03-02T12:01:00.000Z", "tests/hibari", fired),
        (10, "1.4.0", "stable", 9500, ten, None, "tests/hibari", heard),
        (10, "1.8.0", "candidate", 500, ten, None, "tests/hibari", heard),
    ]


async def test_weights_of_a_retired_service_are_over(store: Store) -> None:
    """An empty table has no row, and ends those before it."""
    retire = message(MessageType.RETIRE, "retire", 9_000, {"actor": "lena", "reason": "sold"})
    await handle(store, [*installed(), retire])
    (row,) = await told(store, "SELECT release, valid_to FROM audit_weights")
    assert tuple(row.values()) == ("1.4.0", "1970-01-01T00:00:09.000Z")
    (row,) = await told(store, "SELECT served_until, stable_until FROM audit_releases")
    assert set(row.values()) == {"1970-01-01T00:00:09.000Z"}


async def test_a_rollback_says_why_and_how_fast(audit: Store) -> None:
    """Alert, verdict or person; and when it was received, decided, written, and served by the routers of then."""
    asked = (
        "SELECT release, kind, trigger, actor, guilty, alertname, fingerprint, alert_to_decided_ms, "
        "decided_to_table_ms, table_to_first_ms, table_to_last_ms FROM audit_rollbacks ORDER BY position"
    )
    assert [tuple(row.values()) for row in await told(audit, asked)] == [
        ("1.5.0", "abort", "evidence", "tests/hibari", '["errors"]', None, None, None, 4, 56, 91),
        ("1.6.0", "abort", "alert", "tests/hibari", "[]", "SpeechErrors", "f00d", 3, 4, 5, 9),
        ("1.7.0", "revert", "order", "tomo", "[]", None, None, None, 4, 7, 16),
    ]


async def test_a_rollback_by_evidence_shows_its_figures(audit: Store) -> None:
    """The evidence is what the verdict rested on, word for word; where none was asked, there is none."""
    rows = await told(audit, "SELECT trigger, evidence FROM audit_rollbacks ORDER BY position")
    (verdict,) = await told(audit, "SELECT figures FROM verdicts WHERE outcome = 'fail'")
    assert [row["evidence"] for row in rows] == [verdict["figures"], "[]", "[]"]
    assert "errors" in {figure["name"] for figure in json.loads(rows[0]["evidence"])}


async def test_a_router_that_joins_later_does_not_make_a_rollback_slow(audit: Store) -> None:
    """gateway@c, which began half an hour after the rollback, is none that had to change its mind."""
    (row,) = await told(audit, "SELECT last_applied_at FROM audit_rollbacks WHERE rollout = 'hibari-3'")
    assert row["last_applied_at"] == "2026-03-02T11:10:00.013Z"


async def test_a_router_that_says_it_again_does_not_either(store: Store) -> None:
    """What counts is when a router first served the table, not when it came back with it."""
    before = [*installed(), applied(1, 2_500), *rolling(), applied(2, 11_500), alert("1.5.0", 12_000)]
    await handle(store, [*before, applied(3, 12_250), applied(3, 900_000)])
    (row,) = await told(store, "SELECT first_applied_at, last_applied_at FROM audit_rollbacks")
    assert set(row.values()) == {"1970-01-01T00:00:12.250Z"}


async def test_a_revert_that_ends_a_rollout_is_two_rollbacks_of_one_alert(store: Store) -> None:
    """The release that was promoted and the candidate that followed it lose their traffic by the same table."""
    promote = message(MessageType.PROMOTE, "promote", 12_000, {"actor": "lena", "reason": "ship it"})
    await handle(store, [*installed(), *rolling(), promote, *rolling("1.6.0", 13_000), alert("1.5.0", 20_000)])
    asked = "SELECT release, kind, epoch, alertname, table_set_at, alert_received_at FROM audit_rollbacks"
    first, second = await told(store, f"{asked} ORDER BY position")
    assert [(row["release"], row["kind"]) for row in (first, second)] == [("1.6.0", "abort"), ("1.5.0", "revert")]
    assert list(first.values())[2:] == list(second.values())[2:]
    assert (first["alertname"], first["alert_received_at"]) == ("SpeechErrors", "1970-01-01T00:00:20.000Z")


async def test_a_rollback_says_what_people_marked_it_as(store: Store) -> None:
    """The latest mark counts, with its person and reason; of a rollback that nobody marked there is nothing to say."""
    asked = "SELECT rollout, mark, marked_by, marked_because FROM audit_rollbacks ORDER BY position"
    await handle(store, [*installed(), *rolling(), alert("1.5.0", 15_000), *rolling("1.6.0", 20_000)])
    await handle(store, [alert("1.6.0", 25_000), _marked("hibari-3", 30_000, false_alarm=True, reason="the network")])
    unmarked = {"rollout": "hibari-2", "mark": None, "marked_by": None, "marked_because": None}
    false = {"rollout": "hibari-3", "mark": "false_alarm", "marked_by": "lena", "marked_because": "the network"}
    assert await told(store, asked) == [unmarked, false]
    await handle(store, [_marked("hibari-3", 31_000, false_alarm=False, reason="no, it clicks")])
    assert await told(store, asked) == [unmarked, false | {"mark": "true_alarm", "marked_because": "no, it clicks"}]


async def test_orders_say_who_wanted_what_and_what_came_of_it(audit: Store) -> None:
    """The person's own words, and, where it was turned down, why."""
    asked = "SELECT what, actor, reason, outcome, rollout, ordered_at FROM audit_orders ORDER BY ordered_at"
    rows = [tuple(row.values()) for row in await told(audit, asked)]
    pause = ("rollout.pause", "lena", "the pager is loud already", "accepted", "hibari-3", "2026-03-02T11:02:00.000Z")
    late = ("rollout.pause", "tomo", "wait for the mixer", "refused", "", "2026-03-02T13:06:00.000Z")
    assert [rows[0], rows[-2]] == [pause, late]
    assert len(rows) == 8
    (why,) = await told(audit, "SELECT refused_because FROM audit_orders WHERE outcome = 'refused'")
    assert why["refused_because"].startswith("no rollout of hibari runs, so there is nothing to steer")
    (lifted,) = await told(audit, "SELECT asked FROM audit_orders WHERE what = 'rollout.override'")
    assert json.loads(lifted["asked"])["digest"].startswith("sha256:")


async def test_an_order_in_binary_mode_is_told_as_any_other(store: Store) -> None:
    """What CloudEvents lets stand in Kafka's headers hides neither the person nor what was wanted."""
    pause = ordered(MessageType.PAUSE, 15_000).record
    event = json.loads(pause.value or b"")
    attributes = [(f"CE_{name}", event[name].encode()) for name in ("specversion", "type", "source", "id")]
    headers = (("content-type", b"application/json"), *attributes)
    in_headers = read(replace(pause, value=json.dumps(event["data"]).encode(), headers=headers))
    await handle(store, [*installed(), *rolling(), in_headers])
    (row,) = await told(store, "SELECT what, actor, reason, outcome, asked FROM audit_orders")
    assert json.loads(row.pop("asked")) == event["data"]
    assert tuple(row.values()) == ("rollout.pause", "lena", "sounds flat", "accepted")


async def test_refusals_are_requests_orders_and_messages(audit: Store) -> None:
    """Whatever was turned down stands in one place, with the reason."""
    rows = await told(audit, "SELECT kind, what, actor FROM audit_refusals ORDER BY position")
    assert [tuple(row.values()) for row in rows] == [
        ("request", "1.6.0", "ci"),
        ("order", "PauseRollout", "tomo"),
        ("message", "rollout.requested/2/17", "segue"),
    ]


async def test_releases_say_when_they_served(audit: Store) -> None:
    """From the first listener to the last, and within that as stable; what still serves has no end."""
    asked = (
        "SELECT release, served_from, served_until, stable_from, stable_until FROM audit_releases "
        f"WHERE service = '{SERVICE}' ORDER BY requested_at"
    )

    def clock(value: str | None) -> str | None:
        return value and value[11:19]

    assert [(row["release"], *map(clock, list(row.values())[1:])) for row in await told(audit, asked)] == [
        ("1.4.0", "09:00:30", None, "09:00:30", None),
        ("1.5.0", "10:01:00", "10:01:11", None, None),
        ("1.6.0", "11:01:00", "11:10:00", None, None),
        ("1.7.0", "12:01:00", "12:05:00", "12:02:00", "12:05:00"),
        ("1.8.0", "14:01:00", None, None, None),
    ]


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_no_question_by_service_or_rollout_reads_every_fact(audit: Store) -> None:
    """However many windows were measured, an index leads past them."""
    await audit.write(_measured_for_days)
    months = await told(audit, "SELECT DISTINCT tableoid::regclass::text AS name FROM journal")
    filled = ["inbox", *(str(row["name"]) for row in months)]
    every = ["service = 'hibari'", "rollout = 'hibari-3'"]
    asked = dict.fromkeys(EVERY_VIEW, every) | {
        "audit_releases": ["service = 'hibari'"],
        "audit_months": ["service = 'hibari'"],
        "audit_events": ["service = 'hibari' AND type = 'RolloutAborted'", "rollout = 'hibari-3'"],
    }
    for view, wheres in asked.items():
        for where in wheres:
            lines = [str(row) for row in await told(audit, f"EXPLAIN SELECT * FROM {view} WHERE {where}")]
            assert not [line for line in lines if any(f"Seq Scan on {table}" in line for table in filled)]


async def test_an_older_store_that_is_upgraded_has_right_values(tmp_path: Path, cluster: Postgres) -> None:
    """What a former Segue wrote is seen by today's views, alike on both stores."""
    seen = []
    for url in (f"sqlite:///{tmp_path}/former.db", cluster.create("former_audit")):
        made = database(url)
        await made.write(_former)
        await made.close()
        upgrade(url)
        store = await open_store(url)
        seen.append({view: sorted(await told(store, f"SELECT * FROM {view}"), key=str) for view in EVERY_VIEW})
        await store.close()
    cluster.drop("former_audit")
    lite, postgres = seen
    assert lite == postgres
    ended = {row["rollout"]: row for row in lite["audit_rollouts"]}
    assert (ended["hibari-2"]["outcome"], ended["hibari-2"]["time_to_rollback_s"]) == ("reverted", 4.0)
    (late,) = [row for row in lite["audit_rollbacks"] if row["rollout"] == "hibari-4"]
    assert (late["release"], late["alertname"], late["alert_received_at"]) == ("1.6.0", "SpeechErrors", None)


@pytest.fixture
async def auditor(cluster: Postgres, new_url: NewUrl) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Be the auditor of a PostgreSQL store."""
    url = await new_url("postgresql")
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("SET ROLE segue_auditor")
    yield connection
    await connection.close()


async def test_the_auditor_reads_views_and_no_table(auditor: "asyncpg.Connection[asyncpg.Record]") -> None:
    """The role that the upgrade made may ask each view, and neither read nor change anything else."""
    for view in EVERY_VIEW:
        await auditor.fetch(f"SELECT * FROM {view}")
    for table in ("journal", "inbox", "services", "rollouts", "routes"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await auditor.fetch(f"SELECT * FROM {table}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await auditor.execute("DELETE FROM journal")


def _measured_for_days(connection: Connection) -> None:
    fact = "'other/' || n, 'WindowMeasured', 1, n, now(), now(), 'observer', 'measured for 10 s', 'w' || n, 'other-1'"
    connection.exec_driver_sql(
        f"INSERT INTO journal SELECT 'other', n, {fact}, '{{}}', '', '' FROM generate_series(1, 30000) n"
    )
    message = "'window', 'w' || n, 'other', 'signals.reported', 0, n, n, now(), n, 1, '[]'"
    connection.exec_driver_sql(
        'INSERT INTO inbox (source, id, service, topic, partition, "offset", sent_ms, decided_at, position, facts, '
        f"headers) SELECT {message} FROM generate_series(1, 30000) n"
    )
    connection.exec_driver_sql("ANALYZE")


def _former(connection: Connection) -> None:
    schema_at("0001", connection)
    connection.execute(insert(journal), journal_rows())


def _requested_by(plan: object) -> Input:
    data = {"actor": "ci", "reason": "nightly", "release": asdict(release("1.5.0")), "plan": plan}
    return message(MessageType.REQUESTED, "request", 10_000, data)


def _marked(rollout: str, at_ms: int, *, false_alarm: bool, reason: str) -> Input:
    return ordered(MessageType.MARK, at_ms, rollout=rollout, false_alarm=false_alarm, reason=reason)


def _window(began_ms: int) -> Input:
    arms = {"candidate": counted(1), "stable": counted(1)}
    data = {"rollout": "hibari-2", "start_ms": began_ms, "end_ms": began_ms + 10_000, **arms}
    return message(MessageType.WINDOW, "window", began_ms + 11_000, data)
