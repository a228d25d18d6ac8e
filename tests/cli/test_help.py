"""Every verb explains itself, with an example, and asking for help costs next to nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from controller.cli.app import app
from tests.cli.segue import segue_in

HEAVY = (
    "aiokafka",
    "alembic",
    "faststream",
    "kafka",
    "pydantic",
    "rich.table",
    "sqlalchemy",
    "tritonclient",
    "uvicorn",
)


def verbs(group: typer.Typer, *before: str) -> list[tuple[str, ...]]:
    """Return every verb there is, as words."""
    own = [
        (*before, (one.name or one.callback.__name__)) for one in group.registered_commands if one.callback is not None
    ]
    return own + [
        verb
        for one in group.registered_groups
        if one.typer_instance is not None
        for verb in verbs(one.typer_instance, *before, str(one.name))
    ]


@pytest.mark.parametrize("verb", verbs(app), ids=" ".join)
def test_a_verb_explains_itself_with_an_example(verb: tuple[str, ...], tmp_path: Path) -> None:
    """`segue VERB --help` ends well, says what the verb does, shows a call of it, and names values by no type."""
    done = segue_in(tmp_path)(*verb, "--help")
    assert done.code == 0, done.err
    assert f"segue {' '.join(verb)}" in done.out
    assert "Example:" in done.out
    assert not re.search(r"<(str|int|float|bool|list|path|file)\b", done.out)


def test_all_promised_verbs_are_there() -> None:
    """No verb of the contract is missing."""
    promised = {
        *("up", "down", "status", "run", "history", "topics", "replay", "verify", "rebuild", "restore", "db upgrade"),
        *("plan check", "plan explain", "plan set", "plan list"),
        *("release build", "release list", "dead-letters list", "dead-letters show", "dead-letters redrive"),
        *(
            f"rollout {verb}"
            for verb in ("start", "watch", "pause", "resume", "promote", "rollback", "override", "status")
        ),
        *("service retire", "explain", "mark", "scene", "report"),
        *(f"rollout {verb}" for verb in ("advance", "extend", "approve", "reject")),
    }
    assert promised <= {" ".join(verb) for verb in verbs(app)}


def test_help_names_the_exit_codes(tmp_path: Path) -> None:
    """What a script can rely on stands in the help."""
    said = " ".join(segue_in(tmp_path)("--help").out.split())
    assert "0 done, 1 refused or failed, 2 not understood, 3 a neighbour is away" in said


def test_the_verbs_load_no_heavy_library() -> None:
    """Before a verb is called none of the libraries is imported that it may need."""
    code = f"import sys, controller.cli.app; print([one for one in {HEAVY!r} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
