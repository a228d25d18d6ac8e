"""`segue key`: keys that sign checkpoints of the journal."""

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.answers import AsJson, tell_json
from controller.cli.plain import say
from controller.cli.shown import Verbs

app = Verbs(no_args_is_help=True, help="Keys that sign how far the journal has got.")


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="Where the key is written; its public half goes beside it, as .pub.")],
    as_json: AsJson = False,
) -> None:
    """
    Make an Ed25519 key: name its file in SEGUE_SIGNING_KEY, and its public half in SEGUE_TRUSTED_KEYS of who verifies.

    A new key takes over when SEGUE_SIGNING_KEY names it; keep the former public half among the trusted ones.

    Example: segue key new /etc/segue/checkpoints.pem
    """
    from controller.outside.signing import make_key

    name, public = make_key(file)
    if as_json:
        tell_json({"key": name, "private": str(file), "public": str(public)})
    else:
        say(f"key {name} is in {file}, its public half in {public}")
