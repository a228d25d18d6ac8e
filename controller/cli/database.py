"""`segue db upgrade` and `segue topics`: bring the two stores to what this version of Segue needs."""

from controller.cli import months
from controller.cli.answers import AsJson, tell_json, tell_table
from controller.cli.here import kafka_here, settings_here
from controller.cli.plain import say
from controller.cli.rebuilding import rebuild
from controller.cli.shown import Verbs

app = Verbs(no_args_is_help=True, help="The state store.")


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """
    Create or upgrade the schema of the database (SEGUE_DATABASE_URL; SQLite in the data folder without it).

    Example: SEGUE_DATABASE_URL=postgresql+asyncpg://segue@db/segue segue db upgrade
    """
    from controller.journal.revision import NEWEST
    from controller.journal.schema import upgrade as upgrade_schema

    upgrade_schema(settings_here().database)
    if as_json:
        tell_json({"schema": NEWEST})
    else:
        say(f"the database has schema {NEWEST}")


for _command in (months.partitions, months.detach, months.attach):
    app.command()(_command)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """
    Check every fact in SQL: is the journal still what was written? `segue verify` checks Kafka's copy as well.

    Example: segue db verify
    """
    from controller.cli.verifying import check

    check(sql_only=True, as_json=as_json)


app.command()(rebuild)


def topics(as_json: AsJson = False) -> None:
    """
    Create the topics that are missing, and correct the settings of those that drifted.

    Example: SEGUE_KAFKA=kafka:9092 segue topics
    """
    from dataclasses import asdict

    from controller.outside.kafka import ensure_topics

    settings = kafka_here()
    found = ensure_topics(settings.brokers, settings.topic_prefix)
    if as_json:
        tell_json([asdict(one) for one in found])
    else:
        tell_table(("topic", "", ""), [(one.topic, one.found, one.note) for one in found], none="no topics")
