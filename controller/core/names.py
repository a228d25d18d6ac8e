"""The names that everything else speaks in: releases, services, and the limits of what they may be called."""

import re
from dataclasses import dataclass
from typing import Final

FULL_BP: Final = 10_000
"""All traffic, in basis points."""

SERVICE_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9._-]{0,62})$"
"""A service's name: it is a Kafka key, a metric label, a URL segment and the model's name in `/v1/models`."""

ROLE_PATTERN: Final = r"^[a-z][a-z0-9-]{0,62}$"
"""The role of a token, also of whoever may approve a gate, such as voice-quality."""

ENDPOINT_PATTERN: Final = r"^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}$"
"""host:port of a Triton's HTTP, as gateways reach it."""

UNADDRESSED: Final = "_unaddressed"
"""The stream that records messages which name no service; no service can have this name."""

_SERVICE = re.compile(SERVICE_PATTERN)
_ENDPOINT = re.compile(ENDPOINT_PATTERN)


def is_service(name: str) -> bool:
    """Say whether `name` may name a service."""
    return _SERVICE.match(name) is not None and not name.endswith("\n")


def is_endpoint(text: str) -> bool:
    """Say whether `text` is host:port, as a release's endpoint is named."""
    return _ENDPOINT.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Release:
    """
    One build of a voice model, as `/version` shows it.

    model: family, such as "hibari". version: as its makers call it, such as "1.6.0".
    ensemble: the name Triton serves it under; one ensemble per release, never reused.
    digest: "sha256:..." over the content of all stages; two builds with one digest are one release.
    sample_rate_hz: of the audio. token_rate_hz: acoustic tokens or frames a second. build_time: ISO 8601, UTC.
    """

    model: str
    version: str
    ensemble: str
    digest: str
    sample_rate_hz: int
    token_rate_hz: float
    build_time: str

    def answers_to(self, name: str) -> bool:
        """Say whether `name`, from an alert's label or a tester's header, means this release."""
        return name in (self.version, self.ensemble, self.digest)
