"""What the demo waits for, and what it says when something else comes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from controller.cli.story import story
from controller.core.errors import Broken
from controller.journal.facts import of_rollout
from controller.journal.store import open_store
from controller.log import iso

Told = Mapping[str, Any]
"""A fact as the API tells it."""

_ENDS: Final = {
    "RolloutAborted": "was taken back",
    "RolloutPromoted": "was promoted",
    "RolloutSuperseded": "made way for another",
    "ReleaseFailed": "could not be loaded",
}


class Otherwise(Broken):
    """
    Something else came than what was promised.

    promised: what, and by when. instead: what came, in words. rollout: whose story says why, "" when there is none.
    """

    def __init__(self, promised: str, instead: str, rollout: str) -> None:
        super().__init__(f"it was promised that {promised}; instead {instead}")
        self.promised = promised
        self.instead = instead
        self.rollout = rollout


def sought(facts: Sequence[Told], type: str, **fields: object) -> Told | None:
    """Return the first fact of this type whose event has these fields."""
    for fact in facts:
        if fact["type"] == type and all(fact["event"].get(name) == value for name, value in fields.items()):
            return fact
    return None


def ended(facts: Sequence[Told], rollout: object) -> bool:
    """Say whether a rollout has ended, so that nothing more can come of it."""
    return any(fact["type"] in _ENDS and fact["rollout"] == rollout for fact in facts)


def otherwise(promised: str, facts: Sequence[Told], rollout: object = "") -> Otherwise:
    """
    Say what came instead of what was promised: how the rollout ended, what it waits for, or which facts came last.

    rollout: of which it was promised; the latest when it was promised of none.
    """
    named = str(rollout or next((fact["rollout"] for fact in reversed(facts) if fact["rollout"]), ""))
    own = [fact for fact in facts if fact["rollout"] == named]
    if ends := [fact for fact in own if fact["type"] in _ENDS]:
        instead = f"{named} {_ENDS[ends[0]['type']]}: {ends[0]['reason']}"
    elif waits := [fact for fact in own if fact["type"] == "RolloutWaiting"]:
        instead = f"{named} waits: {waits[-1]['reason']}"
    else:
        told = [fact["type"] for fact in facts if fact["type"] != "WindowMeasured"]
        last = f"the last facts are {', '.join(told[-5:])}"
        instead = f"{named} is still on its way; {last}" if own else last if told else "nothing happened to the service"
    return Otherwise(promised, instead, named if own else "")


async def story_of(database: str, service: str, rollout: str) -> list[str]:
    """Tell what became of a rollout, as `segue explain` does, a line a sentence; nothing when there is none."""
    store = await open_store(database)
    try:
        facts = [fact async for fact in of_rollout(store, service, rollout)] if rollout else []
    finally:
        await store.close()
    return [f"{iso(one.at_ms / 1000)}  {one.text}" for one in story(facts)]
