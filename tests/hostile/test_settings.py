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


HUSH = "hush-hush-0123456789"
NAMED = {"SEGUE_KAFKA_USERNAME": "segue", "SEGUE_KAFKA_PASSWORD": HUSH}
SASL = {"SEGUE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", **NAMED}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"SEGUE_KAFKA_SECURITY_PROTOCOL": "TLS"},
            "PROTOCOL is 'TLS'; give PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        ),
        ({**SASL, "SEGUE_KAFKA_SASL_MECHANISM": "scram"}, "MECHANISM is 'scram'; give SCRAM-SHA-512, SCRAM-SHA-256 or"),
        ({"SEGUE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "which wants a name and a password; give SEGUE_KAFKA_USERNAME"),
        (NAMED, "a name or a password for Kafka is given, and SEGUE_KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        ({"SEGUE_KAFKA_CA": "/etc/segue/ca.pem"}, "are for TLS, and SEGUE_KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        ({**SASL, "SEGUE_KAFKA_CERT": "a.crt"}, "SEGUE_KAFKA_CERT and SEGUE_KAFKA_KEY belong together"),
        (
            {**SASL, "SEGUE_KAFKA_CA": "/nowhere"},
            "SEGUE_KAFKA_CA names '/nowhere', which holds no certificate .No such",
        ),
        ({**SASL, "SEGUE_KAFKA_CA": __file__}, "which holds no certificate .* give a file in PEM"),
        ({**SASL, "SEGUE_KAFKA_CERT": __file__, "SEGUE_KAFKA_KEY": __file__}, "are no certificate and its key"),
        ({**SASL, "SEGUE_KAFKA_PASSWORD_FILE": "/nowhere"}, "are both given; leave one out"),
        ({"SEGUE_KAFKA_PASSWORD_FILE": "/nowhere"}, "SEGUE_KAFKA_PASSWORD_FILE: cannot read it: No such file"),
        (
            {**SASL, "SEGUE_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SEGUE_KAFKA_SASL_MECHANISM": "PLAIN"},
            "would send the password to Kafka in clear",
        ),
    ],
)
def test_what_is_said_of_kafka_fits_together(given: dict[str, str], sentence: str) -> None:
    """Nothing that was meant to protect is left out in silence: the start names the setting, and tells no password."""
    with pytest.raises(Malformed, match=sentence) as error:
        read_settings(given)
    assert HUSH not in str(error.value)


def test_a_password_file_ends_where_its_line_does(tmp_path: Path) -> None:
    """Editors end a line, and passwords do not; spaces are its own."""
    file = tmp_path / "password"
    file.write_text(f" {HUSH} \n")
    named = {**SASL, "SEGUE_KAFKA_PASSWORD": "", "SEGUE_KAFKA_PASSWORD_FILE": str(file)}
    settings = read_settings(named)
    assert settings.brokers.password == f" {HUSH} "
    assert HUSH not in repr(settings) + repr(settings.brokers) + str(settings.brokers)
