"""What Alertmanager is told: to call Segue back at once about whatever concerns a release, and with which token."""

import json
from pathlib import Path

from controller.outside.prometheus import FOLDER, PRODUCTION, Pace, fill


def render_alertmanager(webhook: str, token_file: Path, *, pace: Pace = PRODUCTION) -> str:
    """
    Return an alertmanager.yml that posts to `webhook` (the API's /alertmanager).

    token_file: holds the bearer token alone, so that the configuration itself is no secret.
    """
    return fill(
        FOLDER / "alertmanager" / "alertmanager.template.yml",
        webhook=json.dumps(webhook),
        token_file=json.dumps(str(token_file.resolve())),
        group_interval_s=pace.group_interval_s,
        repeat_s=pace.repeat_s,
    )
