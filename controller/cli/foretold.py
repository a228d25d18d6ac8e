"""What a plan will do, in plain sentences; pure, so that documents and tests can read them too."""

from controller.cli.words import percent
from controller.core.evidence.rules import Metric, Rules
from controller.core.foresight import Foresight, Leg
from controller.core.gates import Gate, GateKind, NoData
from controller.core.plan import OnBlind, OnInconclusive, Plan, Step, Until
from controller.core.routing import Segment

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_BLIND = {
    OnBlind.STEP_BACK: "it takes a step back, or ends before the first",
    OnBlind.HOLD: "it holds",
    OnBlind.ROLLBACK: "the candidate is taken back",
}
_IN_FULL = {
    Metric.TTFA: "time to first audio (ttfa)",
    Metric.RTF: "real-time factor (rtf)",
    Metric.MOS: "predicted MOS",
    Metric.RATINGS: "human ratings",
}


def way(plan: Plan, foresight: Foresight) -> tuple[str, ...]:
    """Tell the way from the request to the end of the guard window, a sentence or two for each step."""
    ready = span(plan.readiness_deadline_s)
    told = [f"The release is loaded and must be heard within {ready}, or the rollout ends before any user meets it."]
    told += ["If it is the first of its service it then takes all traffic; otherwise:"] if plan.steps else []
    told += [_step(plan, number, leg) for number, leg in enumerate(foresight.legs)]
    guard = f"; for {span(plan.guard_s)} the former one stays loaded and can take over" if plan.guard_s else ""
    told.append(f"Then everybody hears it{guard}.")
    return tuple(told)


def questions(plan: Plan) -> tuple[str, ...]:
    """Tell what each gate asks, when, and what its answer does."""
    return tuple(_gate(plan, gate) for gate in plan.gates)


def duration(plan: Plan, foresight: Foresight) -> str:
    """Tell the shortest and the longest time from the request to promotion."""
    if not plan.steps:
        return f"It is promoted as soon as it is ready, within {span(plan.readiness_deadline_s)} or not at all."
    least = f"At least {span(foresight.shortest_s)} from the moment the release is ready"
    if foresight.longest_s is None:
        return f"{least}; it may wait for ever, for its plan has no progress deadline."
    back = " or it takes a step back because nothing is measured" if plan.by_evidence else ""
    within = f"within {span(foresight.longest_s)} of the request it is promoted or has ended"
    return f"{least}; {within}, unless somebody pauses it{back}."


def error(plan: Plan, foresight: Foresight) -> str:
    """Tell how likely evidence takes a healthy release back, and what that rests on."""
    if foresight.false_rollback is None:
        return "Evidence takes nothing back here, so it cannot err; how often alerts and other gates do is not known."
    longest = foresight.watched_s[1]
    over = span(foresight.watched_s[0] if longest is None else longest)
    said = f"At most {_odds(foresight.false_rollback)} in {over} of watching"
    if longest is None:
        said = f"At most {_odds(plan.rules.alpha)} for each day of watching that begins"
    return (
        f"{said}: {plan.rules.alpha:g} for each day that begins, added up (a union bound). It rests on both releases "
        "being compared at the same time on traffic that is shared by chance; how often one looks does not matter. "
        "Alerts and other gates err besides, at rates of their own."
    )


def blindness(plan: Plan) -> str:
    """Tell what happens when nothing is measured while users are served; "" when that does not matter."""
    if not plan.by_evidence:
        return ""
    return f"When nothing is measured for five minutes while users are served, {_BLIND[plan.on_blind]}."


def span(seconds: float) -> str:
    """Return a time span as people read it: "10 min", "24 h", "2 d 12 h"; never rounded above a millisecond."""
    left, parts = round(seconds, 3), []
    for size, unit in _UNITS if seconds > 2 * 86_400 else _UNITS[1:]:
        count = int(left // size) if size > 1 else left
        left -= count * size
        if count:
            parts.append(f"{count:g} {unit}")
    return " ".join(parts) or "no time"


def _step(plan: Plan, number: int, leg: Leg) -> str:
    step = leg.step
    told = [f"Step {number}: {_how_long(leg)}{_who(step)}."]
    told += [_segment(segment) for segment in step.segments]
    if step.mirror_bp:
        told.append(f"The candidate speaks {percent(step.mirror_bp)} of stable's requests as well, unheard.")
    if step.warm_up_s:
        told.append(f"What is measured in the first {span(step.warm_up_s)} is not judged.")
    if step.gates:
        told.append(f"At its end {_listed(step.gates)} must pass.")
    if leg.waits:
        told.append(_end(plan, leg))
    return " ".join(told)


def _who(step: Step) -> str:
    if step.weight_bp:
        return f"{percent(step.weight_bp)} of users hear the candidate"
    others = ", and the segments named here" if step.segments else ""
    return f"nobody hears the candidate but those who force it{others}"


def _how_long(leg: Leg) -> str:
    step = leg.step
    said = [f"for {'at least ' if leg.waits else ''}{span(step.hold_s)}"] if step.hold_s else []
    said += [f"{'and ' if said else ''}until it is proven good enough"] if step.until is Until.EVIDENCE else []
    return "".join(f"{part}, " for part in said)


def _end(plan: Plan, leg: Leg) -> str:
    if plan.on_inconclusive is OnInconclusive.ROLLBACK:
        return "If that is not clear by then, the candidate is taken back."
    if leg.longest_s is None:
        return "It may wait for that for ever."
    step = leg.step
    return f"If it still waits after {span(step.ceiling_s or step.hold_s + plan.progress_deadline_s)}, it ends."


def _segment(segment: Segment) -> str:
    where = " and ".join(f"{fact} {value}" for fact, value in segment.where)
    if segment.weight_bp == 0:
        return f"Segment {segment.name} ({where}) does not hear it."
    return f"Of segment {segment.name} ({where}) {percent(segment.weight_bp)} hear it."


def _gate(plan: Plan, gate: Gate) -> str:
    when = [str(number) for number, step in enumerate(plan.steps) if gate.name in step.gates]
    asked = f"at the end of step {_listed(when)}" if when else "all along"
    told = f"{gate.name} ({asked}): {_what(plan, gate)}."
    if gate.no_data is NoData.ROLLBACK:
        told += " Silence counts as failing."
    return f"{told} On trial: it decides nothing." if gate.dry_run else told


def _what(plan: Plan, gate: Gate) -> str:
    rows = f"{gate.persist} readings in a row" if gate.persist > 1 else "a reading"
    match gate.kind:
        case GateKind.EVIDENCE:
            return _evidence(plan.rules)
        case GateKind.MEMORY:
            limit = f" or over {plan.memory.limit_bytes} bytes" if plan.memory.limit_bytes else ""
            much = f"{plan.memory.growth * 100:g} % over stable's footprint{limit} for {span(plan.memory.persist_s)}"
            return f"a candidate that needs more than {much} is taken back; one that grows towards that is held"
        case GateKind.PROMETHEUS:
            return f"{rows} {_bounds(gate)} of `{gate.query}` takes the candidate back"
        case GateKind.PROBE:
            return f"both releases speak {gate.prompts} golden prompts; a candidate that fails them is taken back"
        case GateKind.HTTP:
            return f"{gate.query} is asked; {rows} of fail takes the candidate back"
        case GateKind.APPROVAL:
            who = f"somebody of the role {gate.role}" if gate.role else "somebody who may order"
            return f"it waits until {who} approves"
        case GateKind.FLEET:
            return f"it waits while the count of other services' rollouts that come first is {_bounds(gate)}"


def _evidence(rules: Rules) -> str:
    metrics = _listed([_IN_FULL.get(metric, metric.value) for metric in rules.metrics])
    return f"a candidate that is proven worse in {metrics} is taken back; silence holds it"


def _bounds(gate: Gate) -> str:
    above = [] if gate.above is None else [f"above {gate.above:g}"]
    below = [] if gate.below is None else [f"below {gate.below:g}"]
    return " or ".join(above + below)


def _odds(probability: float) -> str:
    return f"{100 * probability:.3g} % (one healthy release in {1 / probability:.0f})"


def _listed(names: "list[str] | tuple[str, ...]") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
