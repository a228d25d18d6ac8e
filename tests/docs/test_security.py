"""docs/security.md shows settings that go together, and names settings that exist."""

import re
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from controller.brokers import MECHANISMS, PROTOCOLS
from controller.journal.database import database
from controller.parts.installed import ROOT
from controller.settings import Settings, read_settings
from tests.parts.certificates import certify
from tests.parts.sealed import RIGHTS

TEXT = (ROOT / "docs" / "security.md").read_text()
SHOWN = dict(word.split("=", 1) for word in shlex.split(TEXT.split("```sh")[1].split("```")[0]) if "=" in word)


def test_what_is_shown_is_taken(tmp_path: Path) -> None:
    """The example is read as it stands, once its files are there."""
    certificates = certify(tmp_path)
    (tmp_path / "kafka.password").write_text("scrambled-0123456789\n")
    (tmp_path / "tokens").write_text("viewer:0123456789abcdef\n")
    there = {"kafka-authority.pem": certificates.authority, "db-authority.pem": certificates.authority}
    given = SHOWN
    for name, file in there.items():
        given = {key: value.replace(f"/etc/segue/{name}", str(file)) for key, value in given.items()}
    given = {key: value.replace("/etc/segue/", f"{tmp_path}/") for key, value in given.items()}
    settings = read_settings(given)
    assert settings.brokers.client()["sasl_plain_password"] == "scrambled-0123456789"
    assert settings.brokers.client()["ssl_context"].check_hostname
    assert "sslmode=verify-full" in database(settings.database).name
    assert Path(settings.tls_cert).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"SEGUE_[A-Z_]+", TEXT))))
def test_every_setting_exists(name: str) -> None:
    """Nobody is told to set what nobody reads."""
    files = {"SEGUE_TOKENS_FILE", "SEGUE_KAFKA_PASSWORD_FILE"}
    assert name in {f"SEGUE_{field.name.upper()}" for field in fields(Settings)} | files


def test_accounts_are_those_that_are_tried() -> None:
    """What the table lets gateway, API and people write is what a real broker lets them in the tests."""
    rows = {cells[1].strip(): cells for line in TEXT.splitlines() if (cells := line.split("|"))[1:]}
    for account, name in (("gateway", "gateway"), ("API", "api"), ("commands that order", "person")):
        for column, topics in ((2, RIGHTS[name].reads), (3, RIGHTS[name].writes), (4, RIGHTS[name].describes)):
            assert set(re.findall(r"`(\w+\.\w+)`", rows[account][column])) == set(topics)


def test_every_protocol_is_told() -> None:
    """Each protocol has a row, and each mechanism is named."""
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", TEXT, re.MULTILINE)) == set(PROTOCOLS)
    assert all(f"`{mechanism}`" in TEXT for mechanism in MECHANISMS)


def test_every_kind_of_finding_is_answered() -> None:
    """What a line of ours is excused from, and what all are, has its row and its reason."""
    told = set(re.findall(r"B(\d{3})", TEXT))
    folders = ("controller", "consumers", "migrations", "triton_models")
    ours = (file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    excused = re.findall(r"# noqa: [^#\n]*\bS(\d{3})", "\n".join(file.read_text() for file in ours))
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    for_all = [*lint["ignore"], *lint["per-file-ignores"]["migrations/*.py"]]
    assert len(set(excused)) > 5
    assert told >= {*excused, *(code.removeprefix("S") for code in for_all)}
