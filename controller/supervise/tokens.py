"""The tokens of one machine: given by settings, or made once and kept where only their owner can read them."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.given import ROLES
from controller.settings import read_settings


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    Token to role, and the files (mode 0600) that the processes read them from.

    file: "role:token" a line, as SEGUE_TOKENS_FILE wants it. alertmanager_file: that role's token alone.
    made: whether we made them, so that somebody must be told where they are.
    """

    by_token: Mapping[str, str]
    file: Path
    alertmanager_file: Path
    made: bool

    def of(self, role: str) -> str:
        """Return a token of this role."""
        return next(token for token, its_role in self.by_token.items() if its_role == role)


def keep_tokens(data: Path, given: Mapping[str, str]) -> Tokens:
    """
    Write the given tokens to a file below `data`; without any, make one for each role, or take those made earlier.

    A role that nobody was given gets a token too: Alertmanager, which we start, needs one of its own.
    """
    made_file = data / "tokens"
    if given:
        known, file = dict(given), data / "tokens.given"
    elif made_file.exists():
        known, file = dict(read_settings({"SEGUE_TOKENS_FILE": str(made_file)}).tokens), made_file
    else:
        known, file = {}, made_file
    for role in ROLES:
        if role not in known.values():
            known[secrets.token_urlsafe(24)] = role
    tokens = Tokens(known, file, data / "tokens.alertmanager", made=not given)
    _write(file, "".join(f"{role}:{token}\n" for token, role in known.items()))
    _write(tokens.alertmanager_file, tokens.of("alertmanager"))
    return tokens


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Closed to others from its first moment, not after a chmod.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(text)
