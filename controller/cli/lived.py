"""`segue history SERVICE --at TIME`: what was live then, in sentences."""

from collections.abc import Iterator

from controller.cli.words import percent, shares
from controller.core.routing import Role
from controller.journal.live import Asked, Live
from controller.log import iso


def sentences(live: Live) -> Iterator[str]:
    """Tell who served how much, in which step of which rollout, since when, and by whose word."""
    table = live.table
    yield f"At {_at(live.at_ms)} {live.service} served {shares(table.arms) or 'nothing'}."
    if table.segments:
        own = ", ".join(f"{one.name} {percent(one.weight_bp)}" for one in table.segments)
        yield f"Segments with a share of the candidate of their own: {own}."
    if table.mirror_bp:
        yield f"The candidate was sent a copy of {percent(table.mirror_bp)} of stable's requests."
    if (kept := table.arm(Role.PREVIOUS)) is not None:
        yield f"{kept.release.version} was kept loaded, to go back to."
    until = "and so it is still" if live.until_ms is None else f"until {_at(live.until_ms)}"
    yield f"So it was since {_at(live.since_ms)}, {until}; by {live.actor}: {_plain(live.reason)} (fact {live.fact})."
    if live.rollout is not None and live.step is not None:
        step = f"step {live.step.step}, since {_at(live.step.started_at)}"
        yield f"It was {step}, of rollout {_told(live.rollout)}."
    elif live.rollout is not None:
        yield f"It came of rollout {_told(live.rollout)}."
    if live.preparing is not None:
        yield f"Not serving yet: rollout {_told(live.preparing)}."


def _told(one: Asked) -> str:
    return (
        f"{one.rollout}, {one.version} by plan {one.plan}, which {one.started_by} asked for at {_at(one.started_at)}: "
        f"{_plain(one.started_because)}"
    )


def _at(ms: int) -> str:
    return iso(ms / 1000)


def _plain(reason: str) -> str:
    return reason.rstrip(".")
