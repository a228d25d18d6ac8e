"""`segue bench`: claims that can be checked on any machine, without Triton."""

from pathlib import Path
from typing import Annotated, Final

import typer

from controller.cli.answers import FAILED, AsJson, tell_json, tell_table
from controller.cli.plain import say
from controller.cli.shown import Verbs

_MET: Final = {True: "yes", False: "NO", None: ""}
"""Whether a goal is met, for a terminal."""

app = Verbs(no_args_is_help=True, help="Check what Segue claims: by simulation, and by the clock.")


@app.command()
def statistics(
    runs: Annotated[int, typer.Option(min=20, help="Simulated days per row.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 1,
    docs: Annotated[
        Path | None, typer.Option(help="Write table and pictures into this folder's statistics.md.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Simulate days of a service and say how often a healthy candidate is taken back, and how soon a bad one.

    Segue's evidence stands beside what Flagger, Argo Rollouts and Kayenta do, on the same users.
    Ends with 1 when a goal is missed. A thousand runs take some ten minutes on one core.

    Example: segue bench statistics --runs 200
    """
    from dataclasses import asdict

    from controller.bench.statistics.goals import NAMES, measure
    from controller.bench.statistics.report import write_docs

    figures = measure(runs, seed, lambda name: say(f"simulating: {name}", err=True))
    if docs is not None:
        write_docs(figures, docs)
    if as_json:
        tell_json({"runs": runs, "seed": seed, "met": figures.met, "rows": [asdict(row) for row in figures.rows]})
    else:
        rows = [(row.name, row.goal, *row.figures, _MET[row.met]) for row in figures.rows]
        tell_table(("what", "goal", *NAMES, "met"), rows, none="nothing was simulated")
        say(f"{runs} runs a row, seed {seed}")
    if not figures.met:
        raise typer.Exit(FAILED)


@app.command()
def history(
    facts: Annotated[int, typer.Option(min=1_000, help="Facts on PostgreSQL.")] = 10_000_000,
    services: Annotated[int, typer.Option(min=2, help="Services that they are of.")] = 1_000,
    sqlite_facts: Annotated[int, typer.Option(min=1_000, help="Facts on SQLite.")] = 1_000_000,
    quick: Annotated[bool, typer.Option("--quick", help="A few thousand facts, and no goals: does it run?")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this part: sqlite, postgresql or speed; may be given again.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep what was filled, in .local/bench/history, for the next time.")
    ] = False,
    docs: Annotated[Path | None, typer.Option(help="Write the figures into this folder's performance.md.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Fill stores with years of history; say how long questions to it take, and how fast it is replayed and verified.

    Starts a PostgreSQL and a Kafka of its own, and ends them. Ten million facts take 20 GB meanwhile, and a quarter of
    an hour on two cores. Ends with 1 when a goal is missed; the figures also go to .local/bench/history.json.

    Example: segue bench history --facts 1000000 --services 100
    """
    from dataclasses import replace

    from controller.bench.history.options import QUICK, Options, parts_of
    from controller.bench.history.page import write_docs
    from controller.bench.history.run import measure

    options = QUICK if quick else Options(facts, services, sqlite_facts)
    options = replace(options, keep=keep, parts=parts_of(only))
    report = measure(options, lambda told: say(told, err=True))
    if docs is not None:
        write_docs(report, options, docs)
    if as_json:
        tell_json(report.told())
    else:
        rows = [(one.part, one.name, one.measured, one.goal, _MET[one.met], one.told) for one in report.figures]
        tell_table(("where", "what", "measured", "goal", "met", ""), rows, none="nothing was measured")
        say(f"{report.machine}; {options.facts} facts of {options.services} services on PostgreSQL")
    if not report.met:
        raise typer.Exit(FAILED)


@app.command()
def backtest(
    services: Annotated[int, typer.Option(min=3, help="Services in the sample.")] = 20,
    rollouts: Annotated[int, typer.Option(min=1, help="Rollouts of 24 hours of each.")] = 2,
    as_json: AsJson = False,
) -> None:
    """
    Decide rollouts that were watched for a day again by another plan, and say how long a thousand would take.

    `segue backtest` is measured on two services and on all, beside the bare fold of the same facts; that gives what a
    start and what a window takes, and so a thousand days. Ends with 1 when the goal is missed; the figures also go to
    .local/bench/backtest.json.

    Example: segue bench backtest --services 4 --rollouts 2
    """
    from controller.bench.backtest.run import measure

    report = measure(services, rollouts, lambda told: say(told, err=True))
    if as_json:
        tell_json(report.told())
    else:
        rows = [(one.name, one.measured, one.goal, _MET[one.met], one.told) for one in report.figures]
        tell_table(("what", "measured", "goal", "met", ""), rows, none="nothing was measured")
        say(report.machine)
    if not report.met:
        raise typer.Exit(FAILED)
