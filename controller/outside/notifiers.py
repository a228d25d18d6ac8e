"""
Telling people through a webhook: one POST of a small JSON object a notice.

The body has a `text` that chat services show as it is, and the same as fields for whoever automates further.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

from controller.core.errors import Broken, Malformed, Unavailable
from controller.outside.bounded import Bounded

_TIMEOUT_S: Final = 5.0
_MOST_BYTES: Final = 64 * 1024
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class Notice:
    """
    Something people should know, in a sentence.

    id: the fact's, "stream/position", so that a repeated notice can be told from a new one.
    urgent: traffic was moved back, or a person was turned down.
    """

    id: str
    text: str
    service: str
    rollout: str
    actor: str
    reason: str
    urgent: bool
    at_ms: int


class Webhook(Bounded):
    """Posts notices to one address."""

    def __init__(self, url: str) -> None:
        super().__init__(
            "the notification webhook", most_bytes=_MOST_BYTES, headers={"content-type": "application/json"}
        )
        self._url = url

    async def post(self, notice: Notice) -> None:
        """
        Post a notice; returns once the other side said 2xx.

        Raises Unavailable when it may work later (no answer within 5 s, 5xx, 429), Broken when it will not. Neither
        quotes the address, for it often holds a secret.
        """
        body = json.dumps(asdict(notice))
        try:
            status, _ = await self.fetch("POST", self._url, timeout_s=_TIMEOUT_S, content=body)
        except Malformed:
            raise Broken("the notification webhook's address is none; see SEGUE_NOTIFY_WEBHOOK") from None
        if status >= 500 or status == _TOO_MANY:
            raise Unavailable(f"the notification webhook answered {status}")
        if status >= 300:
            raise Broken(f"the notification webhook answered {status}; see SEGUE_NOTIFY_WEBHOOK")
