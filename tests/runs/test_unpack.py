"""ZIP files whose headers lie: what is stated decides neither what is unpacked nor how much memory that takes."""

import struct
import tracemalloc
import zipfile
from contextlib import contextmanager

import pytest

from harness.runs import unpack
from harness.runs.program_of import program_of

ZEROS = bytes(50_000_000)
LITTLE = 10_000_000  # bytes of memory


@contextmanager
def little_memory():
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()


def stating(path, name, content, size):
    """An archive that states another size of its file in both places."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    data, true = path.read_bytes(), struct.pack("<I", len(content))
    assert data.count(true) == 2
    path.write_bytes(data.replace(true, struct.pack("<I", size)))
    return path


def test_a_file_that_unpacks_to_more_than_it_states_takes_no_more_memory(tmp_path):
    path = stating(tmp_path / "a.zip", "plan.json", ZEROS, 10)
    with little_memory():
        with unpack.opened(path) as archive, pytest.raises(zipfile.BadZipFile):
            archive.read("plan.json")
        assert program_of(tmp_path, str(path)) is None


def test_a_file_that_unpacks_to_less_than_it_states_is_damaged(tmp_path):
    path = stating(tmp_path / "a.zip", "x", b"words " * 50, 1000)
    with unpack.opened(path) as archive, pytest.raises((ValueError, zipfile.BadZipFile)):
        archive.read("x")


def test_a_table_of_contents_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100):
            archive.writestr(f"{number:03}", b"")
    with unpack.opened(path) as archive:
        assert len(archive.names) == 100
    monkeypatch.setattr(unpack, "TABLE", 1000)
    with pytest.raises(ValueError, match="at most 1000 are read"), unpack.opened(path):
        pass
    assert program_of(tmp_path, str(path)) is None


def test_an_archive_that_is_a_link_is_read_and_a_device_is_not(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"content")
    (tmp_path / "link.zip").symlink_to("a.zip")
    with unpack.opened(tmp_path / "link.zip") as opened:
        assert opened.read("x") == b"content"
    (tmp_path / "zero.zip").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="is no file"), unpack.opened(tmp_path / "zero.zip"):
        pass
