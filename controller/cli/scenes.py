"""`segue scene`: what was kept of a rollout that was taken back, and whether it is still what was kept."""

import asyncio
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.answers import FAILED, AsJson, tell_json, tell_table
from controller.cli.here import settings_here
from controller.cli.plain import say
from controller.core.errors import Broken, Malformed

if TYPE_CHECKING:
    from controller.journal import Store
    from controller.scene.look import Found, Known
    from controller.settings import Settings


def scene(
    rollout: Annotated[str | None, typer.Argument(help="The rollout, such as hibari-3.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Instead: all scenes that the journal knows.")] = False,
    files: Annotated[bool, typer.Option("--files", help="Only its files, one path a line.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where it stands, if not where it was kept: a copy, or a mounted folder.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Copy it into this folder, which is made.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Open what was kept of a rollout that was taken back: what happened, the last measurements, failed requests, files.

    Every file is held against the manifest, and that against the journal; 1 when something is not what was kept.

    Example: segue scene hibari-3
    """
    if listed == (rollout is not None):
        raise Malformed("name the rollout whose scene is meant, such as hibari-3, or say --list for all of them")
    if rollout is None:
        _tell_all(asyncio.run(_all()), as_json=as_json)
        return
    found = asyncio.run(_found(rollout, folder))
    if out is not None:
        _copy(found.place, out)
    if as_json:
        tell_json(_fields(found))
    elif files:
        for one in found.manifest.files:
            say(found.place / one.name)
    else:
        from controller.cli.scene_story import lines

        for line in lines(found):
            say(line)
    for amiss in found.amiss:
        say(f"{amiss.name} is not what was kept: {amiss.what}", err=files or as_json)
    if found.amiss:
        raise typer.Exit(FAILED)


async def _all() -> "list[Known]":
    from controller.cli.stored import opened
    from controller.scene.look import known_scenes

    async with opened(settings_here()) as store:
        return await known_scenes(store)


async def _found(rollout: str, folder: Path | None) -> "Found":
    from controller.cli.stored import opened
    from controller.scene.look import known_scenes, look

    settings = settings_here()
    async with opened(settings) as store:
        known = await known_scenes(store, rollout)
        if not known:
            raise Broken(await _why_none(store, settings, rollout))
    (one,) = known
    return look(one, folder or _place(settings, one))


def _place(settings: "Settings", known: "Known") -> Path:
    """Return where a scene stands; Broken when it was dropped, or stands on another machine."""
    from controller.log import iso

    place = Path(known.place)
    if not place.is_dir() and settings.scenes:
        place = Path(settings.scenes) / known.rollout
    if place.is_dir():
        return place
    if known.dropped_ms is not None:
        raise Broken(
            f"the scene of {known.rollout} was dropped at {iso(known.dropped_ms / 1000)}: {known.dropped_because}"
        )
    raise Broken(
        f"the scene of {known.rollout} was kept in {known.place}, where there is none: ask on the machine that keeps "
        "scenes, or name a copy with --folder"
    )


async def _why_none(store: "Store", settings: "Settings", rollout: str) -> str:
    from controller.journal import views

    found = await views.rollout(store, rollout)
    if found is None:
        return f"there is no rollout {rollout}; name one such as hibari-3, or see `segue scene --list`"
    if found.status not in ("aborted", "reverted"):
        return f"{rollout} is {found.status}: only what was taken back leaves a scene"
    return (
        f"no scene of {rollout} is kept: one is made {settings.scene_after_s:g} s after a rollback where the function "
        "`scenes` runs with SEGUE_SCENES"
    )


def _tell_all(known: "list[Known]", *, as_json: bool) -> None:
    from controller.log import iso

    if as_json:
        tell_json([asdict(one) for one in known])
        return
    tell_table(
        ("kept", "rollout", "bytes", "where"),
        [
            (
                iso(one.kept_ms / 1000),
                one.rollout,
                one.size_bytes,
                one.place if one.dropped_ms is None else f"dropped {iso(one.dropped_ms / 1000)}",
            )
            for one in known
        ],
        none="no scene was ever kept: a rollout that is taken back leaves one where SEGUE_SCENES names a folder",
    )


def _copy(place: Path, out: Path) -> None:
    try:
        shutil.copytree(place, out)
    except FileExistsError:
        raise Broken(f"{out} is there already: name a folder that is not") from None
    except (OSError, shutil.Error) as error:
        raise Broken(f"the scene cannot be copied to {out}: {error}") from error


def _fields(found: "Found") -> dict[str, object]:
    return {
        **asdict(found.manifest),
        "place": str(found.place),
        "kept_by": found.known.fact,
        "manifest_sha256": found.known.manifest_sha256,
        "amiss": [asdict(one) for one in found.amiss],
    }
