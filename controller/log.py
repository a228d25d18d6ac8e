"""
Logs: one JSON object a line on standard error, through the standard library's `logging`.

    log.info("decided", extra={"message_id": id, "service": "hibari", "rollout": "r3", "epoch": 12})

Whatever stands in `extra` becomes a field of the line. The usual fields have the names above, so that one search finds
a message's whole way through all processes.
"""

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Collection
from typing import IO, Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_QUIET: Final = (
    "aiokafka",
    "kafka",
    "faststream",
    "sqlalchemy",
    "alembic",
    "httpx",
    "httpcore",
    "asyncio",
)
_SENDERS: Final = ("aiokafka.conn", "kafka.net.connection")
"""At DEBUG they write what they send: a password too, as bytes that look otherwise than it does, or as half of them."""
_LEAST_CHARACTERS: Final = 8
_OBEYED: Final = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What JSON leaves as it is, and a terminal that shows the log obeys: C1, and changes of direction."""


def configure(level: str = "INFO", *, secrets: Collection[str] = (), stream: IO[str] | None = None) -> None:
    """
    Send every logger's lines from `level` up to `stream` (standard error when None), replacing earlier handlers.

    secrets: texts such as tokens that are blotted out wherever they would appear in a line; below eight characters they
    are left, for a line of which every e is blotted out tells nothing, and the secret.
    Libraries below us speak from WARNING up, unless level is DEBUG; what is sent to Kafka is not written even then.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "DEBUG" else logging.WARNING)
    for name in _SENDERS:
        logging.getLogger(name).setLevel(logging.INFO if level == "DEBUG" else logging.WARNING)
    logging.captureWarnings(True)


class JsonLines(logging.Formatter):
    """One record, one line of JSON: time (ISO 8601, UTC, milliseconds), level, logger, message, then the extras."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        # As they stand in JSON.
        known = {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in secrets if len(secret) >= _LEAST_CHARACTERS}
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, object] = {
            "time": iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        text = _OBEYED.sub(_escaped, json.dumps(line, ensure_ascii=False, default=str))
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def iso(seconds: float) -> str:
    """Return a time since 1970 as ISO 8601 in UTC, such as 2026-03-03T09:15:00.250Z."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"
