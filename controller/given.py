"""What is secret, as the environment and files give it."""

import re
from collections.abc import Mapping
from pathlib import Path

from controller.core.errors import Malformed
from controller.core.names import ROLE_PATTERN

_SENT_AS_IT_IS = r"[!-~]{16,}"
"""A token that every client can send in a header, and that arrives as it was sent."""
ROLES = ("viewer", "operator", "alertmanager")
"""What tokens may do. Any other role in lower case may look, and approve the gates of plans that ask for it."""


def given_tokens(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return token -> role, of SEGUE_TOKENS and the file SEGUE_TOKENS_FILE. Raises Malformed telling no token."""
    pairs = environment.get("SEGUE_TOKENS", "").split(",")
    if file := environment.get("SEGUE_TOKENS_FILE"):
        pairs += _text("SEGUE_TOKENS_FILE", file).splitlines()
    tokens: dict[str, str] = {}
    for number, pair in enumerate((pair.strip() for pair in pairs if pair.strip()), start=1):
        role, _, token = pair.partition(":")
        if not re.fullmatch(ROLE_PATTERN, role) or not re.fullmatch(_SENT_AS_IT_IS, token):
            raise Malformed(
                f"SEGUE_TOKENS, pair {number}: write role:token with a role of {', '.join(ROLES)}, or one that gates "
                "ask for such as voice-quality, and a token of at least 16 characters of ASCII without spaces"
            )
        tokens[token] = role
    return tokens


def given_kafka_password(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return what the file SEGUE_KAFKA_PASSWORD_FILE holds, by the setting's name. Raises Malformed."""
    file = environment.get("SEGUE_KAFKA_PASSWORD_FILE")
    if not file:
        return {}
    if environment.get("SEGUE_KAFKA_PASSWORD"):
        raise Malformed("SEGUE_KAFKA_PASSWORD and SEGUE_KAFKA_PASSWORD_FILE are both given; leave one out")
    # Whatever wrote the file may have ended its line.
    return {"kafka_password": _text("SEGUE_KAFKA_PASSWORD_FILE", file).rstrip("\r\n")}


def _text(name: str, file: str) -> str:
    try:
        return Path(file).read_text()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise Malformed(f"{name}: cannot read it: {why}; name a readable file") from error
