"""The fields that messages are made of, with the limits that hold for them everywhere."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from controller.core.commands import AnyCommand
from controller.core.names import ENDPOINT_PATTERN, ROLE_PATTERN, SERVICE_PATTERN, is_endpoint

_YEAR_S: Final = 366 * 86_400
_LAST_MS: Final = 253_402_300_799_999  # the end of the year 9999
_LARGEST: Final = 2**53 - 1  # the largest whole number that every JSON reader holds exactly


def _utc(text: str) -> str:
    try:
        offset = datetime.fromisoformat(text).utcoffset()
    except ValueError:
        offset = None
    if offset != timedelta(0):
        raise ValueError("a time in ISO 8601, UTC, such as 2026-03-03T09:30:00Z")
    return text


def _endpoint(text: str) -> str:
    if not is_endpoint(text):
        raise ValueError("host:port of a Triton's HTTP, such as triton-a:8000")
    return text


def _each_once(endpoints: list[str]) -> list[str]:
    if len(set(endpoints)) != len(endpoints):
        raise ValueError("a list that has each endpoint once")
    return endpoints


Service = Annotated[str, StringConstraints(pattern=SERVICE_PATTERN)]
Actor = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$")]
Role = Annotated[str, StringConstraints(pattern=ROLE_PATTERN)]
Ensemble = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Rollout = Annotated[str, StringConstraints(min_length=1, max_length=200)]
MaybeRollout = Annotated[str, StringConstraints(max_length=200)]
"""The name of a rollout, "" when none is meant or it is not said which."""

Endpoints = Annotated[
    list[Annotated[str, AfterValidator(_endpoint), Field(json_schema_extra={"pattern": ENDPOINT_PATTERN})]],
    Field(max_length=64, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_once),
]
Router = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=1000)]
BuildTime = Annotated[str, AfterValidator(_utc), Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
TimeMs = Annotated[int, Field(ge=0, le=_LAST_MS)]
Seconds = Annotated[float, Field(ge=0, le=_YEAR_S)]


class Message(BaseModel):
    """The data of any inbound message; `command` says what it asks of the service."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

    service: Service

    def command(self) -> AnyCommand:
        """Return the command; ValueError when its parts contradict one another."""
        raise NotImplementedError
