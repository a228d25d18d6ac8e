"""A broker or a database that goes away in the middle of a rollback: the rollback waits for it, and is not lost."""

import asyncio

import asyncpg

from controller.parts.postgres import Postgres
from tests.chaos.rollback import ROLLED_BACK, deciders_away, rolled_back_once
from tests.chaos.sight import taken, until, written
from tests.consumers.process import hosting
from tests.journey.test_alerts import candidate_is_up
from tests.journey.world import Tale

USERS = [f"user-{number}" for number in range(10)]


def test_broker_restart_mid_rollback(tale: Tale) -> None:
    """Given a broker killed between the decision and its publication, the gateway serves on, and then hears of it."""
    told = candidate_is_up(tale)
    shared, before = tale.served_by(USERS), written(tale)
    kafka = tale.world.tree["kafka"]
    with deciders_away(tale), hosting(tale.world.tree.settings, "never", "alerts"):
        assert tale.world.webhook(tale.alert("1.5.0")).status_code == 202
        until("the rollback is decided", lambda: written(tale) == before + len(ROLLED_BACK))
        kafka.kill(revive=False)
        assert tale.served_by(USERS) == shared
        kafka.start()
        assert tale.sentences() == told
    tale.told(*told, *ROLLED_BACK)
    until("the API has found Kafka again", lambda: is_ready(tale))
    rolled_back_once(tale, told)


def test_database_restart_mid_commit(tale: Tale, postgres: Postgres) -> None:
    """Given a database that commits and dies before it says so, the alert is taken again, is known, and stays quiet."""
    told = candidate_is_up(tale)
    before = taken(tale)
    # A commit is durable here at once, and then waits for a standby that never comes: so its answer stays out.
    server = postgres.url().replace("+asyncpg", "")
    asyncio.run(execute(server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()"))
    until("commits wait", lambda: asyncio.run(commits_wait(server)))
    assert tale.world.webhook(tale.alert("1.5.0")).status_code == 202
    until("the rollback's commit waits", lambda: asyncio.run(waiting(server)) >= 1)
    assert tale.sentences() == told
    asyncio.run(execute(server, "ALTER SYSTEM RESET synchronous_standby_names"))
    postgres.kill()
    postgres.start()
    tale.told(*told, *ROLLED_BACK)
    until("the alert was taken again", lambda: taken(tale)["duplicate"] > before["duplicate"])
    assert taken(tale)["decided"] == before["decided"]
    rolled_back_once(tale, told)


def test_database_down_when_alert_fires(tale: Tale, postgres: Postgres) -> None:
    """Given the database is down when the alert fires, the alert is taken, users are served, and it is decided then."""
    told = candidate_is_up(tale)
    shared, before = tale.served_by(USERS), taken(tale)
    postgres.stop()
    assert tale.world.webhook(tale.alert("1.5.0")).status_code == 202
    until("the deciders are not ready", lambda: not is_ready(tale))
    assert tale.served_by(USERS) == shared
    assert tale.sentences() == told
    postgres.start()
    rolled_back_once(tale, told)
    assert taken(tale) == {"decided": before["decided"] + 2, "duplicate": before["duplicate"]}


def is_ready(tale: Tale) -> bool:
    """Ask the API whether it has all that it needs."""
    return tale.world.http.get(f"{tale.world.tree.api_url}/ready").status_code == 200


async def execute(server: str, *statements: str) -> None:
    """Run statements one by one as the database's owner."""
    connection = await asyncpg.connect(server)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def commits_wait(server: str) -> bool:
    """Try a commit of our own; say whether it waits for the standby, and give it up."""
    try:
        await asyncio.wait_for(execute(server, "SELECT pg_logical_emit_message(true, 'test', 'anybody there?')"), 0.5)
    except TimeoutError:
        return True
    return False


async def waiting(server: str) -> int:
    """Count the sessions that wait for the standby."""
    connection = await asyncpg.connect(server)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        return count
    finally:
        await connection.close()
