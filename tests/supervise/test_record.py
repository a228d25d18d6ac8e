"""One tree a data folder; others on this machine find it by its record."""

from pathlib import Path

import pytest

from controller.core.errors import Broken
from controller.supervise.record import Member, Record, only_one, read_record, write_record

RECORD = Record(
    1, "2026-03-03T09:15:00.000Z", {"kafka": "127.0.0.1:9092"}, (Member("kafka", 2, 0, "/var/log/kafka.log"),)
)


def test_a_second_tree_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """While one holds the folder another is told how to see and stop it; afterwards the folder is free."""
    with only_one(tmp_path), pytest.raises(Broken, match="`segue down`"), only_one(tmp_path):
        raise AssertionError("two trees hold one folder")
    with only_one(tmp_path):
        pass


def test_the_record_is_read_while_the_tree_runs_and_gone_afterwards(tmp_path: Path) -> None:
    """A record counts only while its tree holds the folder."""
    with only_one(tmp_path):
        assert read_record(tmp_path) is None
        write_record(tmp_path, RECORD)
        assert read_record(tmp_path) == RECORD
    assert read_record(tmp_path) is None


def test_what_a_crash_left_behind_is_no_record(tmp_path: Path) -> None:
    """A record whose tree is dead is not believed."""
    write_record(tmp_path, RECORD)
    assert read_record(tmp_path) is None
