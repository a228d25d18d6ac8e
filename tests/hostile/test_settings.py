"""Settings that are no settings: told at the start, and never with what was meant to be secret."""

from pathlib import Path

import pytest

from controller.core.errors import Malformed
from controller.journal.database import database
from controller.settings import read_settings


@pytest.mark.parametrize(
    "token", ["short", "with space-0123456789", "t\u00f6ken-0123456789", "\udcff-token-0123456789"]
)
def test_a_token_is_one_that_arrives_as_it_was_sent(token: str) -> None:
    """What a header would change or cannot hold would never be recognised: the start says so, without telling it."""
    with pytest.raises(Malformed, match=r"SEGUE_TOKENS, pair 1: .* at least 16 characters of ASCII") as error:
        read_settings({"SEGUE_TOKENS": f"viewer:{token}"})
    assert token not in str(error.value)


def test_tokens_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """A key where tokens were expected is a sentence at the start, not an accident."""
    file = tmp_path / "tokens"
    file.write_bytes(b"viewer:\xff\xfe")
    with pytest.raises(Malformed, match="SEGUE_TOKENS_FILE: cannot read it: it is no text in UTF-8"):
        read_settings({"SEGUE_TOKENS_FILE": str(file)})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://segue:a@b:hush/x",
        "postgresql://u:hush/x",
        "mysql://u:hush@h/x",
        "mysql://u:hush@h/\udcff",
        "mysql://h/u:hush@h/x",
        "postgresql:///u:hush@h/x",
    ],
)
def test_an_address_that_cannot_be_read_tells_no_password(url: str) -> None:
    """Whatever is wrong with the database's address, nothing that may be a password is told."""
    with pytest.raises(Malformed, match="set SEGUE_DATABASE_URL to") as error:
        database(url)
    assert "hush" not in str(error.value)
