"""
What follows when a router can no longer reach a release: often nothing, for it leaves a dead endpoint alone by itself.

A release is blamed only for what is its own. It is taken back when no endpoint of it is left to a router, a probe has
confirmed that, and the same router hears another release of the service: then it is neither the router nor a Triton
that all share. Where it shares none with that other release, a machine or a way to it may be all that is gone: it is
taken back, and condemned only for answering with errors. A release that is not loaded is being loaded by the release
worker, which says so when it cannot.
"""

from controller.core.commands import ReportEndpointEjected, ReportEndpointReadmitted
from controller.core.draft import Draft
from controller.core.events import EndpointEjected, EndpointReadmitted, Trigger
from controller.core.routing import EndpointFault


def ejected(draft: Draft, report: ReportEndpointEjected) -> None:
    """Record it; when nothing is left of the candidate, or of a release on guard, take that back."""
    rollout = _rollout(draft, report.ensemble)
    draft.add(
        EndpointEjected(
            **draft.said(rollout=rollout),
            ensemble=report.ensemble,
            endpoint=report.endpoint,
            router=report.router,
            consecutive=report.consecutive,
            fault=report.fault,
            probed=report.probed,
            all_gone=report.all_gone,
            others_speak=report.others_speak,
        )
    )
    is_its_own = report.probed and report.others_speak and report.fault is not EndpointFault.NOT_LOADED
    if not rollout or not report.all_gone or not is_its_own:
        return
    why = f"no endpoint of {report.ensemble} is left to {report.router}: {report.reason}"
    running, guard = draft.state.rollout, draft.state.guard
    walks = running is not None and running.id == rollout
    if running is not None and walks:
        mine, other = running.endpoints, draft.state.stable_endpoints
    else:
        mine, other = draft.state.stable_endpoints, guard.endpoints if guard else ()
    if mine and report.endpoint not in mine:
        # A late word about where it lived before.
        return
    # No name means the endpoints that each gateway was given; who names some may share none of those.
    shares = bool(set(mine) & set(other)) or (not mine and not other)
    condemn = shares or report.fault is EndpointFault.FAILED
    if walks:
        draft.abort(Trigger.RELEASE_FAILED, why, condemn=condemn)
    else:
        draft.revert(Trigger.RELEASE_FAILED, why, condemn=condemn)


def readmitted(draft: Draft, report: ReportEndpointReadmitted) -> None:
    """Record it."""
    draft.add(
        EndpointReadmitted(
            **draft.said(rollout=_rollout(draft, report.ensemble)),
            ensemble=report.ensemble,
            endpoint=report.endpoint,
            router=report.router,
            consecutive=report.consecutive,
        )
    )


def _rollout(draft: Draft, ensemble: str) -> str:
    """Return the rollout that a release can still be taken back in: as candidate or on guard; "" when in none."""
    running, guard, stable = draft.state.rollout, draft.state.guard, draft.state.stable
    if running is not None and running.release.ensemble == ensemble:
        return running.id
    if guard is not None and stable is not None and stable.ensemble == ensemble:
        return guard.rollout
    return ""
