"""The verbs, put together."""

from controller.cli import (
    backtesting,
    bench,
    database,
    explaining,
    history,
    keys,
    letters,
    ordering,
    plans,
    rebuilding,
    releases,
    replaying,
    reporting,
    restoring,
    rollouts,
    run,
    scenes,
    services,
    tree,
    verifying,
)
from controller.cli.shown import Verbs

app = Verbs(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Move live traffic of a text-to-speech service from one model release to the next, and back, by events.",
    epilog="Exit codes: 0 done, 1 refused or failed, 2 not understood, 3 a neighbour is away: try again, unless "
    "it says that the order stands, 130 interrupted.",
)
app.command()(tree.up)
app.command()(tree.down)
app.command()(tree.status)
app.command()(run.run)
app.add_typer(releases.app, name="release")
app.add_typer(rollouts.app, name="rollout")
app.add_typer(services.app, name="service")
app.add_typer(plans.app, name="plan")
app.command()(history.history)
app.command()(explaining.explain)
app.command()(ordering.mark)
app.command()(scenes.scene)
app.command()(reporting.report)
app.add_typer(letters.app, name="dead-letters")
app.command()(replaying.replay)
app.command()(verifying.verify)
app.command()(rebuilding.rebuild)
app.command()(restoring.restore)
app.command()(backtesting.backtest)
app.add_typer(keys.app, name="key")
app.command()(database.topics)
app.add_typer(database.app, name="db")
app.add_typer(bench.app, name="bench")
