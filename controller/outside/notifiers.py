"""
Telling people through a webhook: one POST of a small JSON object a notice.

The body has a `text` that chat services show as it is, and the same as fields for whoever automates further.
"""

import json
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Final, Self

from controller.core.errors import Broken, Unavailable

_TIMEOUT_S: Final = 5.0
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


class Webhook:
    """Posts notices to one address; `async with` closes the connection."""

    def __init__(self, url: str) -> None:
        # Read by those alone who have a webhook: it is a tenth of a second of a worker's start.
        from aiohttp import ClientSession, ClientTimeout

        self._url = url
        self._session = ClientSession(timeout=ClientTimeout(total=_TIMEOUT_S))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post(self, notice: Notice) -> None:
        """
        Post a notice; returns once the other side said 2xx.

        Raises Unavailable when it may work later (no answer within 5 s, 5xx, 429), Broken when it will not. Neither
        quotes the address, for it often holds a secret.
        """
        from aiohttp import ClientError

        try:
            async with self._session.post(
                self._url,
                data=json.dumps(asdict(notice)),
                headers={"content-type": "application/json"},
                # The notice would not come along, and who answers there need not be whom the setting names.
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except (ClientError, TimeoutError) as error:
            raise Unavailable(f"the notification webhook does not answer ({type(error).__name__})") from None
        if status >= 500 or status == _TOO_MANY:
            raise Unavailable(f"the notification webhook answered {status}")
        if status >= 300:
            raise Broken(f"the notification webhook answered {status}; see SEGUE_NOTIFY_WEBHOOK")
