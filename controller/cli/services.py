"""`segue service`: what concerns a service as a whole."""

from controller.cli.answers import AsJson
from controller.cli.ordering import Actor, Reason, Rollout, Service, Wait, give
from controller.cli.shown import Verbs

app = Verbs(no_args_is_help=True, help="Services: end one.")


@app.callback()
def _group() -> None:
    """Services: end one."""


@app.command()
def retire(
    service: Service,
    reason: Reason,
    rollout: Rollout = "",
    actor: Actor = None,
    wait: Wait = 5,
    as_json: AsJson = False,
) -> None:
    """
    Stop serving: a running rollout ends, no release carries traffic any more, and all may be unloaded.

    Its history stays. A later `segue rollout start` begins anew, with a first release.

    Example: segue service retire hibari --reason "hibari-2 has taken over"
    """
    give("service.retire", service, reason, rollout, actor, wait, as_json)
