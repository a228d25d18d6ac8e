"""`segue explain`: the story of one rollout in sentences."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from controller.cli.answers import AsJson, tell_json
from controller.cli.here import settings_here
from controller.cli.plain import say


def explain(
    rollout: Annotated[str, typer.Argument(help="The rollout, such as hibari-3.")],
    as_json: AsJson = False,
) -> None:
    """
    Tell the story of a rollout: who asked, which steps, what was measured, what gates said, and how it ended.

    What people, CI or Alertmanager sent is told with its place in Kafka.

    Example: segue explain hibari-3
    """
    from controller.cli.stored import opened
    from controller.cli.story import Sentence, lines, story
    from controller.core.errors import Broken
    from controller.core.stream import Fact
    from controller.journal import views
    from controller.journal.facts import of_rollout
    from controller.journal.origins import Origin, origins
    from controller.log import iso

    async def read() -> tuple[list[Sentence], dict[int, Origin]]:
        async with opened(settings_here()) as store:
            found = await views.rollout(store, rollout)
            if found is None:
                # Whoever names the service alone wants to know of its rollouts, too.
                for service in (rollout.rpartition("-")[0], rollout):
                    if known := ", ".join(one.rollout for one in await views.rollouts(store, service, 10)):
                        raise Broken(f"there is no rollout {rollout}; the latest of {service}: {known}")
                none = f"there is no rollout {rollout}, and none of a service by that name"
                raise Broken(f"{none}; name one such as hibari-3, or see `segue rollout status SERVICE`")
            facts: list[Fact] = [one async for one in of_rollout(store, found.service, rollout)]
            sentences = story(facts)
            told = {one.position for one in sentences}
            causes = ((fact.position, fact.cause) for fact in facts if fact.position in told)
            return sentences, await origins(store, found.service, causes)

    sentences, messages = asyncio.run(read())
    if as_json:
        told = [
            {
                "at": iso(one.at_ms / 1000),
                "position": one.position,
                "text": one.text,
                "message": asdict(messages[one.position]) if one.position in messages else None,
            }
            for one in sentences
        ]
        tell_json({"rollout": rollout, "sentences": told})
        return
    for line in lines(sentences, messages):
        say(line)
