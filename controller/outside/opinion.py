"""An outside service that is asked for its opinion of a candidate: one POST, one answer, in bounded time and size."""

from typing import Final

from pydantic import ValidationError

from controller.core.errors import Broken, Malformed, Unavailable
from controller.outside.bounded import Bounded
from controller.wire.opinion import Opinion, Question

_MOST_BYTES: Final = 64 * 1024
_WHO: Final = "the service"


class Opinions(Bounded):
    """Asks any service; `async with` closes its connections."""

    def __init__(self) -> None:
        # No redirects: the plan names who is asked.
        super().__init__(_WHO, most_bytes=_MOST_BYTES, by_proxy=True)

    async def ask(self, url: str, question: Question, *, timeout_s: float) -> Opinion:
        """
        Return the service's opinion.

        Raises Unavailable when there is no answer within timeout_s or the service says 5xx, Broken when what it answers
        is none; the address is never quoted.
        """
        try:
            status, body = await self.fetch(
                "POST",
                url,
                content=question.model_dump_json(),
                headers={"content-type": "application/json"},
                timeout_s=timeout_s,
            )
        except Malformed as error:
            raise Broken(f"the gate's URL cannot be asked: {error}") from None
        if status >= 500:
            raise Unavailable(f"{_WHO} answers {status}")
        if status >= 300:
            raise Broken(f"{_WHO} answers {status}; it should answer 200 with an outcome")
        try:
            return Opinion.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise Broken(f"{_WHO} answers what is no opinion: {place}: {first['msg']}") from None
