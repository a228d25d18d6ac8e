"""People at their two doors: HTTP with a token, and the `segue` command."""

from collections.abc import Mapping

import httpx

from controller.parts.installed import ROOT
from controller.supervise.plan import environment_of
from tests.cli.segue import Segue
from tests.journey.world import Tale, World


def segue(world: World) -> Segue:
    """Return the command as somebody at the world's machine has it."""
    settings = world.tree.settings
    own = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return Segue({**own, **environment_of(settings, world.tree.tokens.file, 0)})


def post_order(tale: Tale, order: str, body: Mapping[str, object], role: str | None = "operator") -> httpx.Response:
    """Order over HTTP with a token of this role, or with none at all."""
    token = {"authorization": f"Bearer {tale.world.tree.tokens.of(role)}"} if role else {}
    url = f"{tale.world.tree.api_url}/v1/services/{tale.service}/{order}"
    return tale.world.http.post(url, json=body, headers=token)
