"""`segue release`: build a release of a voice into the model repository, and list those that are there."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from controller.cli.answers import AsJson, tell_json, tell_table
from controller.cli.plain import say
from controller.cli.shown import Verbs
from controller.core.errors import Malformed
from controller.settings import read_settings

app = Verbs(no_args_is_help=True, help="Releases in the model repository.")


@app.command()
def build(
    family: Annotated[str, typer.Argument(help="A voice family, such as hibari, or a folder that holds one.")],
    version: Annotated[str, typer.Option(help="What its makers call it, such as 1.6.0.")],
    params: Annotated[
        list[str] | None, typer.Option("--param", metavar="STAGE.KEY=VALUE", help="A parameter of a stage.")
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="A voice of the family, such as heart; its own when left out.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model's name; the family's when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Build a release: content-hashed stages and an ensemble of its own. Building the same again changes nothing.

    Example: segue release build hibari --version 1.5.0 --param vocoder.max_frames=4000
    """
    from pathlib import Path

    from triton_models.build import build as build_release

    settings = read_settings()
    release = build_release(
        Path(family) if "/" in family else family,
        version,
        repository=settings.repository,
        build_time=datetime.now(UTC),
        params=dict(_pair(text) for text in params or ()),
        voice=voice,
        model=model,
    )
    if as_json:
        tell_json(asdict(release))
    else:
        say(f"{release.model} {release.version} is {release.ensemble} in {settings.repository}")
        say(f"digest {release.digest}")


@app.command("list")
def list_releases(as_json: AsJson = False) -> None:
    """
    List the releases in the model repository (SEGUE_REPOSITORY), oldest first.

    Example: segue release list --json
    """
    from triton_models.descriptor import list_built

    settings = read_settings()
    releases = [built.release for built in list_built(settings.repository)]
    if as_json:
        tell_json([asdict(release) for release in releases])
    else:
        tell_table(
            ("model", "version", "ensemble", "digest", "built"),
            [(one.model, one.version, one.ensemble, one.digest[:19], one.build_time) for one in releases],
            none=f"{settings.repository} holds no release yet: build one with `segue release build`",
        )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or "." not in name:
        raise Malformed(f"--param {text!r}: write stage.key=value, such as vocoder.max_frames=4000")
    return name, value
