"""What a caller is told when the answer is no: OpenAI's error shape, with a sentence that says what to do."""

import json
from collections.abc import Sequence

from controller.core.errors import SegueError


class Problem(SegueError):
    """
    A refusal or failure on its way to the caller.

    status: HTTP's. param: the field at fault, if one is. code: a word for programs. headers: what the answer says
    beside its body. The message never repeats the caller's text.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.headers = headers

    def body(self) -> bytes:
        """Return the JSON body that OpenAI's clients read."""
        error = {"message": self.message, "type": self._type(), "param": self.param, "code": self.code}
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    def _type(self) -> str:
        if self.status == 429:
            return "rate_limit_error"
        return "invalid_request_error" if self.status < 500 else "server_error"


def invalid(message: str, param: str | None, code: str = "invalid_value") -> Problem:
    """Return the 400 for a field that cannot be served as it is."""
    return Problem(400, message, code=code, param=param)


def retry_after(seconds: int) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header that says when it is worth asking again."""
    return ((b"retry-after", b"%d" % seconds),)
