"""Tokens are made once, kept where only their owner reads them, and never replaced behind anybody's back."""

import stat
from pathlib import Path

import pytest

from controller.core.errors import Malformed
from controller.settings import read_settings
from controller.supervise.tokens import keep_tokens

GIVEN = {"0123456789abcdef": "operator"}


def test_tokens_are_made_for_every_role(tmp_path: Path) -> None:
    """Without any token there is one for each role, and people are told that we made them."""
    tokens = keep_tokens(tmp_path, {})
    assert sorted(tokens.by_token.values()) == ["alertmanager", "operator", "viewer"]
    assert tokens.made
    assert tokens.alertmanager_file.read_text() == tokens.of("alertmanager")


def test_only_their_owner_reads_them(tmp_path: Path) -> None:
    """Both files are closed to everybody else, also when one was open before."""
    (tmp_path / "tokens.alertmanager").touch(mode=0o644)
    tokens = keep_tokens(tmp_path, {})
    for file in (tokens.file, tokens.alertmanager_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_made_tokens_stay_the_same(tmp_path: Path) -> None:
    """The next start takes the tokens that were made before."""
    assert keep_tokens(tmp_path, {}).by_token == keep_tokens(tmp_path, {}).by_token


def test_given_tokens_are_taken_and_the_missing_alertmanager_gets_one(tmp_path: Path) -> None:
    """Given tokens keep their roles; the Alertmanager that we start gets a token of its own."""
    tokens = keep_tokens(tmp_path, GIVEN)
    assert tokens.of("operator") == "0123456789abcdef"
    assert tokens.of("alertmanager") != "0123456789abcdef"
    assert not tokens.made


def test_roles_that_gates_ask_for_are_roles(tmp_path: Path) -> None:
    """A token may have any role in lower case; what is no name of a role is refused without quoting the token."""
    given = {"SEGUE_TOKENS": "voice-quality:0123456789abcdef"}
    tokens = keep_tokens(tmp_path, read_settings(given).tokens)
    assert tokens.of("voice-quality") == "0123456789abcdef"
    assert read_settings({"SEGUE_TOKENS_FILE": str(tokens.file)}).tokens == tokens.by_token
    for pair in ("Voice:0123456789abcdef", "voice lead:0123456789abcdef", ":0123456789abcdef", "voice-quality:short"):
        with pytest.raises(Malformed, match="pair 1: write role:token") as refused:
            read_settings({"SEGUE_TOKENS": pair})
        assert "0123456789abcdef" not in str(refused.value)


def test_given_tokens_do_not_outlive_their_setting(tmp_path: Path) -> None:
    """A token taken out of the settings is worth nothing at the next start."""
    keep_tokens(tmp_path, GIVEN)
    assert "0123456789abcdef" not in keep_tokens(tmp_path, {}).by_token
