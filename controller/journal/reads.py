"""
Facts to rows that people ask for: rollouts, steps, routes, releases, verdicts, routers, applied.

Pure up to `write`. Each statement touches columns that no other statement of the same table touches after it, so a
batch can be written statement by statement instead of fact by fact.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Table,
    Update,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from controller.core.events import (
    AnyEvent,
    GateJudged,
    HoldExtended,
    PromotionReverted,
    QuarantineLifted,
    ReleaseDrained,
    ReleaseFailed,
    ReleaseQuarantined,
    ReleaseReady,
    ReleaseUnloaded,
    RollbackMarked,
    RolloutAborted,
    RolloutPaused,
    RolloutPromoted,
    RolloutResumed,
    RolloutStarted,
    RolloutSuperseded,
    RolloutWaiting,
    RouteApplied,
    RouterEnded,
    RouteSet,
    StepStarted,
    Trigger,
    WindowMeasured,
)
from controller.core.names import FULL_BP, Release
from controller.core.rollout import Phase
from controller.core.routing import Role
from controller.core.state import State, table
from controller.journal.append import Link
from controller.journal.bulk import Bulk
from controller.journal.tables import applied, releases, rollouts, routers, routes, steps, verdicts
from controller.wire.codec import table_json
from controller.wire.shape import plain
from controller.wire.strict import canonical

Values = dict[str, object]


def write(connection: Connection, links: Iterable[Link]) -> None:
    """Bring the read tables up to these facts."""
    together: list[Link] = []
    for link in links:
        together.append(link)
        # What a router reports after its end is another run's, and an older epoch is news then.
        if isinstance(link.fact.event, RouterEnded):
            _write(connection, together)
            together = []
    _write(connection, together)


def _write(connection: Connection, links: Iterable[Link]) -> None:
    grouped: defaultdict[str, list[Values]] = defaultdict(list)
    for link in links:
        for statement, values in _rows(link):
            grouped[statement].append(values)
    for name, prepared in _STATEMENTS.items():
        if name in grouped:
            prepared.run(connection, grouped[name])


def _rows(link: Link) -> Iterator[tuple[str, Values]]:
    event, service, at = link.fact.event, link.fact.stream, link.fact.at_ms
    match event:
        case RolloutStarted():
            yield "rollout started", _rollout(event, service, at)
            yield "release requested", _release(event, service, at)
        case ReleaseReady():
            yield "release ready", _became(event.release, service, at)
        case StepStarted():
            yield "rollout moved", _moved(event.rollout, "holding", event.step, event.weight_bp)
            yield (
                "step started",
                {
                    "rollout": event.rollout,
                    "position": link.fact.position,
                    "step": event.step,
                    "weight_bp": event.weight_bp,
                    "started_at": at,
                    "due_at": event.due_ms,
                },
            )
        case HoldExtended():
            yield "step moved", _hold_moved(event, link)
        case WindowMeasured():
            requests = event.window.candidate.requests
            # While nobody is served, what was counted are copies that nobody heard.
            if requests and link.state.rollout is not None and link.state.rollout.serves:
                yield "rollout exposed", {"of_rollout": event.rollout, "requests": requests}
        case GateJudged():
            yield "gate judged", _verdict(event, link)
        case RolloutWaiting():
            yield from _stands(event.rollout, "waiting", link.state)
        case RolloutPaused():
            yield from _stands(event.rollout, "paused", link.state)
        case RolloutResumed():
            rollout = link.state.rollout
            preparing = rollout is not None and rollout.phase is Phase.PREPARING
            yield from _stands(event.rollout, "preparing" if preparing else "holding", link.state)
            if rollout is not None and not preparing:
                yield "step moved", _hold_moved(event, link)
        case RolloutPromoted():
            yield "rollout ended", _ended(event, "promoted", FULL_BP, link)
            yield "rollout promoted", {"of_rollout": event.rollout, "promoted_at": at}
            yield "release promoted", _became(event.release, service, at)
        case RolloutAborted():
            yield "rollout ended", _ended(event, "aborted", 0, link, event.trigger)
        case RolloutSuperseded():
            yield "rollout ended", _ended(event, "superseded", 0, link)
        case PromotionReverted():
            yield "rollout ended", _ended(event, "reverted", 0, link, event.trigger)
        case RollbackMarked():
            yield "rollout marked", _marked(event, at)
        case RouteSet():
            yield "route set", _route(event, link)
        case RouteApplied():
            yield "router heard", _router(event, link)
            yield "route applied", _heard_again(event, link)
            yield "route applied first", _applied(event, service)
        case ReleaseDrained():
            yield "release drained", _drained(event, link)
        case RouterEnded():
            yield "router ended", {"of_service": service, "of_router": event.router}
        case ReleaseFailed():
            yield "release failed", {"of_service": service, "of_ensemble": event.ensemble, "at": at}
        case ReleaseUnloaded():
            yield "release unloaded", {"of_service": service, "of_ensemble": event.ensemble, "at": at}
        case ReleaseQuarantined():
            yield "release quarantined", _became(event.release, service, at)
        case QuarantineLifted():
            yield "release quarantined", {"of_service": service, "of_digest": event.digest, "at": None}
        case _:
            # What was refused, noted, applied or rejected stands in the journal; nobody asks for it by row.
            pass


def _hold_moved(event: HoldExtended | RolloutResumed, link: Link) -> Values:
    return {"in_rollout": event.rollout, "before": link.fact.position, "due_at": event.due_ms}


def _rollout(event: RolloutStarted, service: str, at: int) -> Values:
    return {
        "rollout": event.rollout,
        "service": service,
        "version": event.release.version,
        "digest": event.release.digest,
        "from_version": event.from_release.version if event.from_release else None,
        "plan": event.plan.name,
        "status": "preparing",
        "step": -1,
        "weight_bp": 0,
        "started_at": at,
        "started_by": event.actor,
        "started_because": event.reason,
        "back": event.back,
    }


def _moved(rollout: str, status: str, step: int, weight_bp: int) -> Values:
    return {"of_rollout": rollout, "status": status, "step": step, "weight_bp": weight_bp}


def _stands(rollout: str, status: str, state: State) -> Iterator[tuple[str, Values]]:
    if state.rollout is not None:
        yield "rollout moved", _moved(rollout, status, state.rollout.step, state.rollout.weight_bp)


def _ended(event: AnyEvent, status: str, weight_bp: int, link: Link, trigger: Trigger | None = None) -> Values:
    return {
        "of_rollout": event.rollout,
        "status": status,
        "weight_bp": weight_bp,
        "ended_at": link.fact.at_ms,
        "ended_position": link.fact.position,
        "ended_by": event.actor,
        "ended_because": event.reason,
        "trigger": trigger.value if trigger else None,
    }


def _marked(event: RollbackMarked, at: int) -> Values:
    return {
        "of_rollout": event.rollout,
        "mark": "false_alarm" if event.false_alarm else "true_alarm",
        "marked_at": at,
        "marked_by": event.actor,
        "marked_because": event.reason,
    }


def _route(event: RouteSet, link: Link) -> Values:
    routing = table(link.state)
    stable, candidate = routing.arm(Role.STABLE), routing.arm(Role.CANDIDATE)
    running, shares = link.state.rollout, [segment.weight_bp for segment in routing.segments]
    return {
        "service": link.fact.stream,
        "epoch": event.epoch,
        "position": link.fact.position,
        "set_at": link.fact.at_ms,
        "set_by": event.actor,
        "set_because": event.reason,
        "rollout": event.rollout,
        "stable": stable.release.version if stable else None,
        "stable_digest": stable.release.digest if stable else None,
        "candidate": candidate.release.version if candidate else None,
        "candidate_digest": candidate.release.digest if candidate else None,
        "candidate_rollout": running.id if candidate and running else None,
        "candidate_bp": candidate.weight_bp if candidate else 0,
        "candidate_most_bp": max(candidate.weight_bp, *shares, 0) if candidate else 0,
        "segments": canonical([plain(segment) for segment in routing.segments]),
        "body": table_json(routing).decode(),
    }


def _verdict(event: GateJudged, link: Link) -> Values:
    return {
        "service": link.fact.stream,
        "position": link.fact.position,
        "rollout": event.rollout,
        "gate": event.gate,
        "outcome": event.outcome.value,
        "reason": event.reason,
        "figures": canonical([plain(figure) for figure in event.figures]),
        "guilty": canonical(list(event.guilty)),
        "dry_run": event.dry_run,
        "judged_at": link.fact.at_ms,
    }


def _router(event: RouteApplied, link: Link) -> Values:
    return {
        "service": link.fact.stream,
        "router": event.router,
        "position": link.fact.position,
        "epoch": event.epoch,
        "applied_at": event.applied_at_ms,
        "speaking": None if event.speaking is None else canonical(list(event.speaking)),
    }


def _applied(event: RouteApplied, service: str) -> Values:
    return {"service": service, "epoch": event.epoch, "router": event.router, "applied_at": event.applied_at_ms}


def _heard_again(event: RouteApplied, link: Link) -> Values:
    of = {"of_service": link.fact.stream, "of_router": event.router, "at_most": event.epoch}
    return of | _router(event, link)


def _drained(event: ReleaseDrained, link: Link) -> Values:
    name = canonical(event.ensemble)
    return {
        "of_service": link.fact.stream,
        "of_router": event.router,
        "by_epoch": event.epoch,
        "before": link.fact.position,
        "last": f",{name}",
        "first": f"{name},",
        "alone": name,
    }


def _release(event: RolloutStarted, service: str, at: int) -> Values:
    release = event.release
    return {
        "service": service,
        "digest": release.digest,
        "model": release.model,
        "version": release.version,
        "ensemble": release.ensemble,
        "sample_rate_hz": release.sample_rate_hz,
        "token_rate_hz": release.token_rate_hz,
        "build_time": release.build_time,
        "requested_at": at,
        "requested_by": event.actor,
    }


def _became(release: Release, service: str, at: int) -> Values:
    return {"of_service": service, "of_digest": release.digest, "at": at}


def _unless_there(table: Table, columns: Sequence[str], *key: str, **found: ColumnElement[bool]) -> Insert:
    """Return an insert that leaves a row alone that is there already. found: columns that the store works out."""
    # Not ON CONFLICT: the two dialects write it through classes of their own, and here it comes to the same.
    values = {name: bindparam(name, type_=table.c[name].type) for name in columns}
    is_there = exists().where(*(table.c[name] == values[name] for name in key))
    return insert(table).from_select([*columns, *found], select(*values.values(), *found.values()).where(~is_there))


_REQUESTED: Final = (
    "service",
    "digest",
    "model",
    "version",
    "ensemble",
    "sample_rate_hz",
    "token_rate_hz",
    "build_time",
    "requested_at",
    "requested_by",
)
_NEW_RELEASE = _unless_there(releases, _REQUESTED, "service", "digest")
_ENTERED = steps.alias()
_ROLLOUT = update(rollouts).where(rollouts.c.rollout == bindparam("of_rollout"))
_BY_DIGEST = update(releases).where(
    releases.c.service == bindparam("of_service"), releases.c.digest == bindparam("of_digest")
)
_BY_ENSEMBLE = update(releases).where(
    releases.c.service == bindparam("of_service"), releases.c.ensemble == bindparam("of_ensemble")
)
_THAT_ROUTER: Final = (
    routers.c.service == bindparam("of_service"),
    routers.c.router == bindparam("of_router"),
)
_REPORTED: Final = ("position", "epoch", "applied_at", "speaking")
# An ensemble taken out of a JSON list, by whichever of its neighbours there is; no name needs escaping in JSON.
_WITHOUT = func.replace(
    func.replace(func.replace(routers.c.speaking, bindparam("last"), ""), bindparam("first"), ""),
    bindparam("alone"),
    "",
)
_SERVED = applied.alias()
_FIRST_APPLIED = _unless_there(
    applied,
    ("service", "epoch", "router", "applied_at"),
    "service",
    "epoch",
    "router",
    joined=~exists().where(
        _SERVED.c.service == bindparam("service"),
        _SERVED.c.router == bindparam("router"),
        _SERVED.c.epoch < bindparam("epoch"),
    ),
)
_WRITTEN: Final[dict[str, Insert | Update | Delete]] = {
    "rollout started": insert(rollouts),
    "rollout moved": _ROLLOUT.values(
        status=bindparam("status"), step=bindparam("step"), weight_bp=bindparam("weight_bp")
    ),
    "rollout ended": _ROLLOUT.values(
        status=bindparam("status"),
        weight_bp=bindparam("weight_bp"),
        ended_at=bindparam("ended_at"),
        ended_position=bindparam("ended_position"),
        ended_by=bindparam("ended_by"),
        ended_because=bindparam("ended_because"),
        trigger=bindparam("trigger"),
    ),
    "rollout promoted": _ROLLOUT.values(promoted_at=bindparam("promoted_at")),
    "rollout marked": _ROLLOUT.values(
        {name: bindparam(name) for name in ("mark", "marked_at", "marked_by", "marked_because")}
    ),
    "rollout exposed": _ROLLOUT.values(exposed_requests=rollouts.c.exposed_requests + bindparam("requests")),
    "step started": insert(steps),
    "step moved": update(steps)
    .where(
        steps.c.rollout == bindparam("in_rollout"),
        steps.c.position
        == select(func.max(_ENTERED.c.position))
        # The step of that time: one that was entered later, in the same batch or ever, keeps its own end.
        .where(_ENTERED.c.rollout == bindparam("in_rollout"), _ENTERED.c.position < bindparam("before"))
        .scalar_subquery(),
    )
    .values(due_at=bindparam("due_at")),
    "route set": insert(routes),
    "gate judged": insert(verdicts),
    "router heard": _unless_there(routers, ("service", "router", *_REPORTED), "service", "router"),
    "route applied": update(routers)
    .where(*_THAT_ROUTER, routers.c.epoch <= bindparam("at_most"))
    .values({name: bindparam(name) for name in _REPORTED}),
    "route applied first": _FIRST_APPLIED,
    # By the position, for all tables of a batch are written before: a word of before the latest says nothing of it.
    "release drained": update(routers)
    .where(*_THAT_ROUTER, routers.c.epoch == bindparam("by_epoch"), routers.c.position < bindparam("before"))
    .values(speaking=_WITHOUT),
    "router ended": delete(routers).where(*_THAT_ROUTER),
    "release requested": _NEW_RELEASE,
    "release ready": _BY_DIGEST.values(ready_at=bindparam("at")),
    "release promoted": _BY_DIGEST.values(promoted_at=bindparam("at")),
    "release failed": _BY_ENSEMBLE.values(failed_at=bindparam("at")),
    "release quarantined": _BY_DIGEST.values(quarantined_at=bindparam("at")),
    "release unloaded": _BY_ENSEMBLE.values(unloaded_at=bindparam("at")),
}
"""In the order in which they are written: a rollout starts, moves, ends, also within one batch."""
_STATEMENTS: Final = {name: Bulk(statement) for name, statement in _WRITTEN.items()}
