"""Files and folders are whole under their names, or not there."""

import os
from pathlib import Path
from typing import Any

import pytest

from harness.contract import atomic


def test_a_files_bytes_are_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, events = tmp_path / "file", []
    sync, replace = os.fsync, Path.replace

    def synced(number: int) -> None:
        events.append(("synced", os.fstat(number).st_size))
        sync(number)

    def replaced(path: Path, other: Any) -> Path:
        events.append(("named", path.stat().st_size))
        return replace(path, other)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    atomic.write(target, "words")
    assert events == [("synced", 5), ("named", 5)]
    assert target.read_text() == "words"


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(tmp_path / "file", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_a_folder_has_no_name_until_it_is_filled(tmp_path: Path) -> None:
    with atomic.folder(tmp_path / "folder") as temporary:
        (temporary / "a").write_text("a")
        assert not (tmp_path / "folder").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "a").read_text() == "a"


def test_a_folder_that_cannot_be_filled_is_gone(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic.folder(tmp_path / "folder") as temporary:
        (temporary / "a").write_text("a")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
