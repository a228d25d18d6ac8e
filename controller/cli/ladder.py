"""A plan drawn as a ladder: one rung a step, its share as a bar, its hold beside it."""

from rich.console import Group, RenderableType

from controller.cli.drawing import Table, bar, words
from controller.cli.foretold import blindness, duration, error, questions, span, way
from controller.cli.words import percent
from controller.core.foresight import Foresight, Leg, foresee, remarks
from controller.core.names import FULL_BP
from controller.core.plan import Plan, Until

_BAR = 30


def explained(plan: Plan) -> RenderableType:
    """Return all that can be said of a plan beforehand: the ladder, the way, the gates, times, errors, remarks."""
    foresight = foresee(plan)
    parts: list[RenderableType] = [words("Plan ", (plan.name, "bold")), words(), drawn(plan, foresight)]
    chapters = (
        ("The way", way(plan, foresight)),
        ("What is asked", questions(plan) or ("Nothing: it goes by the clock.",)),
        ("How long it takes", (duration(plan, foresight), *_hours(plan))),
        ("How likely a healthy release is taken back", (error(plan, foresight),)),
        ("When it cannot see", (blindness(plan),) if blindness(plan) else ()),
        ("Mind", remarks(plan)),
    )
    for title, sentences in chapters:
        if sentences:
            parts += [words(), words(title, style="bold"), _list(sentences)]
    return Group(*parts)


def drawn(plan: Plan, foresight: Foresight) -> Table:
    """Return the ladder, first rung on top."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for number, leg in enumerate(foresight.legs):
        notes = ", ".join(_notes(leg))
        table.add_row(
            words(f"step {number}", style="dim"), _bar(leg.step.weight_bp), percent(leg.step.weight_bp), notes
        )
    table.add_row(words("all", style="dim"), _bar(FULL_BP), percent(FULL_BP), f"guarded for {span(plan.guard_s)}")
    return table


def _notes(leg: Leg) -> list[str]:
    step = leg.step
    notes = [span(step.hold_s)] if step.hold_s else []
    notes += ["until proven"] if step.until is Until.EVIDENCE else []
    notes += [f"mirror {percent(step.mirror_bp)}"] if step.mirror_bp else []
    notes += [f"{segment.name} {percent(segment.weight_bp)}" for segment in step.segments]
    return notes + [f"then {name}" for name in step.gates]


def _bar(weight_bp: int) -> RenderableType:
    # The smallest share is seen: nothing drawn would say that nobody is served.
    filled = max(round(_BAR * weight_bp / FULL_BP), 1 if weight_bp else 0)
    return bar(filled, _BAR, "yellow")


def _hours(plan: Plan) -> tuple[str, ...]:
    return tuple(
        f"It widens on {', '.join(one.days)} from {_clock(one.from_minute)} to {_clock(one.to_minute)}, {one.zone}."
        for one in plan.hours
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _list(sentences: tuple[str, ...]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for sentence in sentences:
        table.add_row("•", sentence)
    return table
