"""`segue rollout watch` and `status`: how a service stands, read from the store; drawn once, or again and again."""

import asyncio
import sys
import time
from contextlib import nullcontext

import typer
from rich.live import Live

from controller.cli.answers import FAILED, tell_json, tell_json_line
from controller.cli.drawing import Console
from controller.cli.here import settings_here
from controller.cli.picture import picture, values
from controller.cli.stored import opened
from controller.core.errors import Broken
from controller.journal import Store, views
from controller.journal.facts import Recorded, latest
from controller.journal.views import Service

_FACTS = 8
_REDRAW_S = 0.25
_TAKEN_BACK = ("aborted", "reverted")


def show_service(name: str, *, as_json: bool) -> None:
    """Show how a service stands now."""

    async def read() -> tuple[Service, list[Recorded]]:
        async with opened(settings_here()) as store:
            return await _read(store, name)

    service, facts = asyncio.run(read())
    if as_json:
        tell_json(values(service, _now_ms()))
    else:
        Console().print(picture(service, facts, _now_ms()))


def watch_service(name: str, *, until_done: bool, as_json: bool) -> None:
    """Redraw a service until Ctrl-C or, if asked, until no rollout of it runs; ends with 1 if that was taken back."""
    try:
        taken_back = asyncio.run(_watch(name, until_done, as_json))
    except KeyboardInterrupt:
        return
    if taken_back:
        raise typer.Exit(FAILED)


async def _watch(name: str, until_done: bool, as_json: bool) -> bool:
    live = None if as_json else Live(console=Console(), auto_refresh=False)
    last_position = -1
    async with opened(settings_here()) as store:
        with live or nullcontext():
            while True:
                service, facts = await _read(store, name)
                if live:
                    live.update(picture(service, facts, _now_ms()), refresh=True)
                elif service.position != last_position:
                    tell_json_line(values(service, _now_ms()))
                    sys.stdout.flush()
                last_position = service.position
                if until_done and service.state.rollout is None:
                    return await _was_taken_back(store, name)
                await asyncio.sleep(_REDRAW_S)


async def _was_taken_back(store: Store, name: str) -> bool:
    latest = await views.rollouts(store, name, limit=1)
    return bool(latest) and latest[0].status in _TAKEN_BACK


async def _read(store: Store, name: str) -> tuple[Service, list[Recorded]]:
    service = await views.service(store, name)
    if service is None:
        known = ", ".join(one.service for one in await views.services(store)) or "none yet"
        raise Broken(f"nothing was ever recorded for a service {name}; known services: {known}")
    return service, await latest(store, name, _FACTS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
