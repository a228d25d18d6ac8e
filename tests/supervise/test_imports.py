"""What a start must wait for is imported by it, and nothing else: `segue up` lasts as long as its imports."""

import subprocess
import sys

import pytest

from controller.parts.installed import ROOT
from controller.supervise.plan import FUNCTIONS


@pytest.mark.parametrize(
    ("imported", "needless"),
    [
        pytest.param(["controller.supervise.tree"], ["kafka", "sqlalchemy"], id="before Kafka is started"),
        pytest.param(["controller.journal.glance"], ["sqlalchemy", "asyncpg"], id="before our own processes are"),
        pytest.param(["controller.journal.schema"], ["controller.core.state", "alembic"], id="a schema of today"),
        pytest.param([f"consumers.{one}" for one in FUNCTIONS["control"]], ["numpy", "httpx"], id="control"),
        pytest.param([f"consumers.{one}" for one in FUNCTIONS["releases"]], ["httpx"], id="releases"),
    ],
)
def test_a_start_imports_nothing_that_can_wait(imported: list[str], needless: list[str]) -> None:
    """What takes long to import, and is needed later or not at all, is not there yet."""
    code = f"import sys, {', '.join(imported)}; print([one for one in {needless!r} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
