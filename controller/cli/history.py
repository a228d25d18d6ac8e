"""`segue history`: every fact of a service, with who, when and why."""

import asyncio
from typing import Annotated

import typer

from controller.cli.answers import AsJson, tell_json
from controller.cli.here import settings_here


def history(
    service: Annotated[
        str, typer.Argument(help="The service, such as hibari; _unaddressed for messages of no service.")
    ],
    after: Annotated[int, typer.Option(min=0, help="Only facts after this position.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    measurements: Annotated[
        bool, typer.Option("--measurements", help="Every window of measurements as well, one in a few seconds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Show the facts of a service, oldest first: what moved, when, by whom, and why.

    Example: segue history hibari --after 40
    """
    from controller.cli.stored import opened
    from controller.core.errors import Broken
    from controller.journal.facts import Recorded, told
    from controller.journal.facts import history as every_fact

    async def read() -> list[Recorded]:
        async with opened(settings_here()) as store:
            return await (every_fact if measurements else told)(store, service, after, limit)

    facts = asyncio.run(read())
    if not facts and after == 0:
        raise Broken(f"nothing was ever recorded for a service {service}; `segue rollout start` begins its history")
    if as_json:
        import json

        from controller.log import iso

        tell_json(
            [
                {
                    "service": one.stream,
                    "position": one.position,
                    "at": iso(one.at_ms / 1000),
                    "type": one.type,
                    "actor": one.actor,
                    "reason": one.reason,
                    "rollout": one.rollout,
                    "cause": one.cause,
                    "event": json.loads(one.body),
                    "hash": one.hash,
                }
                for one in facts
            ]
        )
        return
    from controller.cli.answers import tell_table
    from controller.cli.words import written
    from controller.log import iso

    tell_table(
        ("at", "fact", "what", "rollout", "who", "why"),
        [(iso(one.at_ms / 1000), one.position, one.type, one.rollout, one.actor, written(one)) for one in facts],
        none=f"no facts after {after}",
    )
