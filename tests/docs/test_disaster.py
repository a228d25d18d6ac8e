"""docs/disaster.md shows commands for a bad day."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.app import app
from controller.core.errors import Broken, Unavailable
from controller.parts.installed import ROOT
from controller.parts.ports import free_port

TEXT = (ROOT / "docs" / "disaster.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("segue ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_understood(line: str, tmp_path: Path) -> None:
    """Every line that the page shows comes as far as looking for its neighbours, which are not there."""
    env = {
        "SEGUE_DATABASE_URL": f"postgresql+asyncpg://segue@127.0.0.1:{free_port()}/segue",
        "SEGUE_DATA": str(tmp_path),
        "SEGUE_KAFKA": f"127.0.0.1:{free_port()}",
    }
    done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:], env=env)
    assert isinstance(done.exception, Unavailable | Broken), done.output
    assert "does not answer" in str(done.exception)
