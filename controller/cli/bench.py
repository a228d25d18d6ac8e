"""`segue bench`: claims that can be checked on any machine, without Kafka or Triton."""

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.answers import FAILED, AsJson, tell_json, tell_table

app = typer.Typer(no_args_is_help=True, help="Check what Segue claims, by simulation.")


@app.callback()
def _only_verbs() -> None:
    pass


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

    figures = measure(runs, seed, lambda name: typer.echo(f"simulating: {name}", err=True))
    if docs is not None:
        write_docs(figures, docs)
    if as_json:
        tell_json({"runs": runs, "seed": seed, "met": figures.met, "rows": [asdict(row) for row in figures.rows]})
    else:
        told = {True: "yes", False: "NO", None: ""}
        rows = [(row.name, row.goal, *row.figures, told[row.met]) for row in figures.rows]
        tell_table(("what", "goal", *NAMES, "met"), rows, none="nothing was simulated")
        typer.echo(f"{runs} runs a row, seed {seed}")
    if not figures.met:
        raise typer.Exit(FAILED)
