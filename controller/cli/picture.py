"""How a service stands, as a picture for people and as values for programs; pure, so that `watch` can redraw it."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType

from controller.cli.drawing import Part, Table, bar, words
from controller.cli.evidence import asked, evidence_table, evidence_values
from controller.cli.words import percent, written
from controller.core.judging import missing
from controller.core.names import FULL_BP
from controller.core.plan import Step
from controller.core.rollout import Phase, Rollout
from controller.core.routing import Arm, Role
from controller.core.state import State
from controller.journal.facts import Recorded
from controller.journal.views import Service
from controller.log import iso

_BAR = 40
_COLOURS = {Role.STABLE: "green", Role.CANDIDATE: "yellow", Role.PREVIOUS: "dim"}


def picture(service: Service, facts: Sequence[Recorded], now_ms: int) -> RenderableType:
    """Return the picture: weights, steps, what is awaited, and the last facts, oldest first."""
    state = service.state
    head = words((state.service, "bold"), f"  epoch {state.epoch}, fact {service.position}")
    parts: list[RenderableType] = [head, words(), _weights(state.arms)]
    if state.rollout:
        parts += [words(), _walk(state.rollout)]
        if gates := evidence_table(state.rollout, now_ms):
            parts += [words(), gates]
    parts += [words(), words(("waiting for  ", "dim"), awaited(state, now_ms))]
    if state.quarantined:
        names = ", ".join(f"{release.version} ({release.digest[:15]})" for release in state.quarantined)
        parts.append(words(("quarantined  ", "dim"), (names, "red")))
    if kept := [one for one in state.formers if not state.is_quarantined(one.release.digest)]:
        names = ", ".join(f"{one.release.version} (until {iso(one.until_ms / 1000)[:16]})" for one in kept)
        parts.append(words(("was stable   ", "dim"), names))
    return Group(*parts, words(), fact_table(facts))


def values(service: Service, now_ms: int) -> dict[str, object]:
    """Return the same as plain values; times in ISO 8601, UTC."""
    state, rollout, guard = service.state, service.state.rollout, service.state.guard
    return {
        "service": state.service,
        "position": service.position,
        "epoch": state.epoch,
        "arms": [
            {
                "role": arm.role.value,
                "version": arm.release.version,
                "weight_bp": arm.weight_bp,
                "endpoints": list(arm.endpoints),
            }
            for arm in state.arms
        ],
        "stable": state.stable.version if state.stable else None,
        "rollout": rollout
        and {
            "id": rollout.id,
            "version": rollout.release.version,
            "plan": rollout.plan.name,
            "phase": rollout.phase.value,
            "paused": rollout.paused is not None,
            "step": rollout.step,
            "steps": len(rollout.plan.steps),
            "weight_bp": rollout.weight_bp,
            "due_at": iso(rollout.timer.due_ms / 1000) if rollout.timer else None,
            **evidence_values(rollout, now_ms),
        },
        "guard": guard
        and {
            "rollout": guard.rollout,
            "previous": guard.previous.version,
            "due_at": iso(guard.timer.due_ms / 1000),
        },
        "quarantined": [release.digest for release in state.quarantined],
        "formers": [
            {"version": one.release.version, "digest": one.release.digest, "until": iso(one.until_ms / 1000)}
            for one in state.formers
        ],
        "last": state.last
        and {
            "rollout": state.last.rollout,
            "how": state.last.how,
            "by": state.last.actor,
            "at": iso(state.last.at_ms / 1000),
        },
        "waiting_for": awaited(state, now_ms),
    }


def awaited(state: State, now_ms: int) -> str:
    """Say what must happen before anything moves by itself."""
    rollout, guard = state.rollout, state.guard
    if rollout is None and guard is None:
        return "a request" if state.stable else "a first release"
    if rollout is None:
        assert guard is not None
        left = clock(guard.timer.due_ms - now_ms)
        return f"the end of the guard window in {left}; until then {guard.previous.version} stays loaded"
    if rollout.paused is not None:
        return "somebody to resume it" + (f"; {clock(rollout.paused)} of the hold is left" if rollout.paused else "")
    left = clock(rollout.timer.due_ms - now_ms) if rollout.timer else ""
    if rollout.phase is Phase.PREPARING:
        until = f"; it is given up in {left}" if left else ""
        return f"{rollout.release.version} to be loaded and heard{until}"
    following = rollout.plan.steps[rollout.step + 1 :]
    to_what = f"{percent(following[0].weight_bp)}" if following else "all traffic"
    if rollout.closed:
        return f"the hour from which it may widen, in {left}, then {to_what}"
    if rollout.waiting:
        what = "; ".join(missing(rollout, now_ms)) or rollout.waiting
        return f"{what}; then {to_what}" + (f", or the end of its time in {left}" if left else "")
    named = ", ".join(one.name for one in asked(rollout) if one.inline)
    return f"the end of the hold in {left}{f' and {named} to pass' if named else ''}, then {to_what}"


def fact_table(facts: Iterable[Recorded]) -> Table:
    """Return facts as a table, one a line; the time of day in UTC."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("at (UTC)", no_wrap=True)
    table.add_column("fact", no_wrap=True, justify="right")
    table.add_column("what", no_wrap=True)
    table.add_column("who", overflow="ellipsis", no_wrap=True)
    table.add_column("why")
    for one in facts:
        table.add_row(iso(one.at_ms / 1000)[11:19], str(one.position), one.type, one.actor, written(one))
    return table


def clock(milliseconds: float) -> str:
    """Return a time span as people read it: 0:07, 12:30, 23:59:59; never below nothing."""
    minutes, seconds = divmod(max(0, round(milliseconds / 1000)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _weights(arms: Sequence[Arm]) -> RenderableType:
    if not arms:
        return words("nothing to serve yet", style="dim")
    table = Table(box=None, show_header=False, pad_edge=False)
    for arm in arms:
        share = bar(round(_BAR * arm.weight_bp / FULL_BP), _BAR, _COLOURS[arm.role])
        lives = words(", ".join(arm.endpoints), style="dim")
        table.add_row(arm.role.value, words(arm.release.version, style="bold"), share, percent(arm.weight_bp), lives)
    return table


def _walk(rollout: Rollout) -> RenderableType:
    parts: list[Part] = [(f"{rollout.id}  ", "dim"), f"{rollout.release.version} by plan {rollout.plan.name}:  "]
    for number, step in enumerate((*rollout.plan.steps, Step(FULL_BP, 0))):
        done, current = number < rollout.step, number == rollout.step
        style = "green" if done else "bold yellow" if current else "dim"
        parts.append((("✔ " if done else "▶ " if current else "") + percent(step.weight_bp), style))
        if number < len(rollout.plan.steps):
            parts.append((f" ({clock(1000 * step.hold_s)})  ", "dim"))
    return words(*parts)
