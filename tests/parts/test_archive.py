"""Kafka's classes come out of an archive that fits; without one Kafka's programs run all the same."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.parts.installed import folder
from controller.parts.java import archive, java


def run(*options: str) -> "subprocess.CompletedProcess[str]":
    """Let one of Kafka's smaller programs do its work."""
    argv = java(*options, "kafka.tools.StorageTool", "random-uuid")
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)


def test_classes_come_out_of_the_archive_that_setup_made() -> None:
    """The Java on this machine takes the archive of `make setup`: Kafka's own classes are read from it."""
    assert "kafka.tools.StorageTool$ source: shared objects file" in run("-Xlog:class+load").stdout


def missing(kafka: Path) -> None:
    """Leave none."""


def of_another_java(kafka: Path) -> None:
    """Put one there that was made by an older Java."""
    made = of_setup()
    assert b"(17." in made[:4096]
    (kafka / "classes.jsa").write_bytes(made[:4096].replace(b"(17.", b"(16.") + made[4096:])


def of_other_jars(kafka: Path) -> None:
    """Have jars that are not those which it was made of."""
    (kafka / "libs").unlink()
    (kafka / "libs").mkdir()
    for jar in folder("kafka/libs").glob("*.jar"):
        (kafka / "libs" / jar.name).symlink_to(jar)
    (kafka / "classes.jsa").write_bytes(of_setup())


def cut_short(kafka: Path) -> None:
    """Put half of one there."""
    made = of_setup()
    (kafka / "classes.jsa").write_bytes(made[: len(made) // 2])


def of_setup() -> bytes:
    """The archive that is used otherwise."""
    return archive().read_bytes()


@pytest.mark.parametrize("spoil", [missing, of_another_java, of_other_jars, cut_short])
def test_without_an_archive_that_fits_kafka_runs_all_the_same(
    spoil: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No archive, one of another Java, of other jars, or half of one: Kafka's program works and says nothing of it."""
    usual = run()
    kafka = tmp_path / "kafka"
    kafka.mkdir()
    (kafka / "libs").symlink_to(folder("kafka/libs").resolve())
    spoil(kafka)
    monkeypatch.setenv("SEGUE_LOCAL", str(tmp_path))
    assert archive().parent == kafka
    done = run()
    assert len(done.stdout.split()) == len(usual.stdout.split()) == 1  # the id that was asked for
    assert done.stderr == usual.stderr
