"""How far long work has got is told on the terminal, and nowhere in the answer."""

import os
import pty
import re
import subprocess

import pytest

from tests.cli.conftest import Deciding
from tests.cli.segue import COMMAND, Done, Segue
from tests.cli.test_verbs import start


@pytest.fixture(scope="module")
def lived(deciding: Deciding) -> Segue:
    """The command where a few facts are recorded."""
    start(deciding.segue, "on-the-way")
    return deciding.segue


def at_a_terminal(segue: Segue, *arguments: str) -> Done:
    """Run one verb to its end, with standard error on a terminal."""
    ours, theirs = pty.openpty()
    done = subprocess.run([*COMMAND, *arguments], env=segue.env, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    told = b""
    while True:
        try:
            told += os.read(ours, 65_536)
        except OSError:  # all is read, and nobody can write any more
            break
    os.close(ours)
    return Done(done.returncode, done.stdout.decode(), told.decode())


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (("--from", "sql"), r"\rfacts: [\d,]+ of [\d,]+\x1b\[K"),
        (("--from", "sql", "--jobs", "2"), r"\rfacts: [\d,]+ of [\d,]+\x1b\[K"),
        (("--from", "sql", "--service", "on-the-way"), r"\rfacts: [\d,]+\x1b\[K"),
        (("--from", "kafka", "--check"), r"\rrecords: [\d,]+ of [\d,]+\x1b\[K"),
        (("--from", "kafka", "--service", "on-the-way"), r"\rrecords: [\d,]+\x1b\[K"),
        (("--decide",), r"\rmessages: [\d,]+\x1b\[K"),
    ],
    ids=" ".join,
)
def test_a_replay_tells_how_far_it_is(lived: Segue, how: tuple[str, ...], told: str) -> None:
    """Facts of SQL, records of Kafka, of which each is read twice, or messages; and the line is empty at the end."""
    done = at_a_terminal(lived, "replay", *how)
    assert done.code == 0
    assert re.match(told, done.err)
    assert done.err.endswith("\r\x1b[K")
    assert "on-the-way" in done.out
    assert not re.search(r"facts: |records: |messages: ", done.out)


def test_who_reads_no_terminal_is_not_told_each_moment(lived: Segue) -> None:
    """A log gets a line every ten seconds, so short work leaves none."""
    assert lived("replay").err == ""
