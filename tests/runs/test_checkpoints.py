"""Checkpoints of a run that anyone may have made: its own files, and nothing that they only point to."""

import os

import pytest

from harness.runs import checkpoints


@pytest.fixture
def folder(tmp_path):
    """Checkpoints of a script, with a name for the newest, and what leads elsewhere."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "id_rsa").write_text("private")
    folder = tmp_path / "checkpoints"
    (folder / "step-5").mkdir(parents=True)
    (folder / "step-5" / "weights").write_text("weights")
    (folder / ".rows.csv").write_text("rows")
    (folder / ".step.7.part").write_text("torn")
    (folder / "latest").symlink_to("step-5/weights")
    (folder / "stolen").symlink_to(tmp_path / "secret" / "id_rsa")
    (folder / "more").symlink_to(tmp_path / "secret")
    (folder / "nowhere").symlink_to("none")
    (folder / "self").symlink_to("self")
    (folder / "step-5" / "up").symlink_to("..")
    os.mkfifo(folder / "pipe")
    return folder


def test_only_its_own_files_are_copied_and_count(folder, tmp_path):
    checkpoints.copy(folder, tmp_path / "copy")
    copied = sorted(path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*"))
    assert copied == [".rows.csv", "latest", "step-5", "step-5/weights"]
    assert (tmp_path / "copy" / "latest").read_text() == "weights"
    assert [path.name for path in checkpoints.files(folder)] == ["latest", "weights"]


def test_a_folder_that_is_a_link_is_copied_and_none_is_empty(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    checkpoints.copy(tmp_path / "link", tmp_path / "copy")
    assert (tmp_path / "copy" / "step-5" / "weights").exists()
    checkpoints.copy(None, tmp_path / "empty")
    assert not list((tmp_path / "empty").iterdir())
