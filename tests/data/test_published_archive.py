"""Archives and folders of data that anyone may have made: so many files of such a size, no links, nothing else."""

import bz2
import gzip
import io
import os
import tarfile
import tracemalloc

import pytest

from harness.contract.errors import DataError
from harness.data import published_archive
from harness.runs.limited import Limited

NAMES = ("data/a", "data/b")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "given" / "data").mkdir(parents=True)
    for name in NAMES:
        (tmp_path / "given" / name).write_text(name)
    (tmp_path / "taken").mkdir()
    return tmp_path / "given"


def take(path):
    target = next(each for each in path.parents if (each / "taken").is_dir()) / "taken"
    published_archive.unpack(path, target, NAMES)
    return {name: (target / name).read_text() for name in NAMES if (target / name).exists()}


def tar(path, *members, pack=lambda content: content):
    """An archive of the two files and of these members, each with so many bytes of zeros."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in NAMES:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    path.write_bytes(pack(content.getvalue()))
    return path


def member(name, **fields):
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_folder_an_archive_and_a_link_to_either_are_taken(folder, tmp_path, pack):
    wanted = {name: name for name in NAMES}
    archive = tar(tmp_path / "a.tar", member("data/more", size=100), pack=pack)
    (tmp_path / "link").symlink_to(archive)
    (tmp_path / "link-to-folder").symlink_to(folder / "data")
    for path in (folder, folder / "data", archive, tmp_path / "link", tmp_path / "link-to-folder"):
        assert take(path) == wanted


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_in_a_folder_is_refused_wherever_it_leads(folder, tmp_path, what, inside):
    place = folder / ("data/b" if what == "file" else "data")
    away = (folder if inside else tmp_path) / "away"
    place.rename(away)
    place.symlink_to(away)
    with pytest.raises(DataError, match=r"data/\w is a link, or below one"):
        take(folder)


@pytest.mark.parametrize("place", ["folder", "archive"])
def test_a_file_that_is_too_large_is_not_copied(folder, tmp_path, monkeypatch, place):
    monkeypatch.setattr(published_archive, "LIMIT", 1000)
    with (folder / "data/b").open("wb") as file:
        file.truncate(10**12)
    path = folder if place == "folder" else tar(tmp_path / "a.tar", member("data/b", size=1001))
    with pytest.raises(DataError, match="1000 bytes|size that is expected"):
        take(path)
    assert sum(each.stat().st_size for each in (tmp_path / "taken").rglob("*") if each.is_file()) < 3000


@pytest.mark.parametrize("what", ["a pipe", "a pipe as the archive", "a device as the archive"])
def test_what_is_no_file_is_not_waited_for(folder, tmp_path, what):
    path = {"a pipe": folder, "a pipe as the archive": tmp_path / "pipe"}.get(what)
    if what == "a pipe":
        (folder / "data/b").unlink()
        os.mkfifo(folder / "data/b")
        assert take(folder) == {"data/a": "data/a"}
        return
    if what == "a pipe as the archive":
        os.mkfifo(path)
    with pytest.raises(DataError, match="is no file"):
        published_archive.unpack(path or tmp_path.__class__("/dev/zero"), tmp_path / "taken", NAMES)


def test_a_name_that_comes_twice_is_taken_once(folder, tmp_path):
    with pytest.raises(DataError, match="there twice"):
        take(tar(tmp_path / "a.tar", member("data/a", size=5)))


def test_an_archive_that_unpacks_to_too_much_is_left(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(published_archive, "LIMIT", 100_000)
    bomb = tar(tmp_path / "bomb.tar.gz", member("data/c", size=10**6), pack=gzip.compress)
    assert bomb.stat().st_size < 3000
    with pytest.raises(DataError, match="holds more than 300000 bytes"):
        take(bomb)
    monkeypatch.setattr(published_archive, "MOST", 10)
    with pytest.raises(DataError, match="more than 10 entries"):
        take(tar(tmp_path / "many.tar", *(member(f"data/{number}") for number in range(20))))


def test_a_header_that_states_much_of_itself_takes_no_memory(folder, tmp_path):
    large = member("data/c", type=tarfile.XHDTYPE, size=50_000_000)
    path = tar(tmp_path / "pax.tar.gz", large, pack=lambda content: gzip.compress(content, 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="a part of it has 50000384 bytes"):
            take(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_limited_stream_gives_what_is_there_and_no_more():
    stream = Limited(io.BytesIO(b"0123456789"), 8, 4)
    assert stream.read(3) == b"012" and stream.read() == b"3456" and stream.tell() == 7
    assert (stream.seek(6), stream.read(2)) == (6, b"67")
    for act in (lambda: stream.read(1), lambda: stream.read(5), lambda: stream.seek(9)):
        with pytest.raises(ValueError, match="at most 4 are read|more than 8 bytes"):
            act()
