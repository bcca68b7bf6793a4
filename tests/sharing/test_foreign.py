"""Archives that anyone may have made: unpacked within limits, and damage said in a line."""

import hashlib
import io
import json
import os
import stat
import zipfile

import pytest

from harness.contract.errors import NotReady, SettingError
from harness.runs import output, reading, stored, unpack
from harness.settings.project import ROOT
from harness.sharing import crate, find, run_archive
from tests.support.records import FOREST, completed, plan_of, stage


@pytest.fixture
def run(tmp_path):
    planned = plan_of(FOREST)
    return stored.read(stage(tmp_path / "runs", planned, completed(planned, 12.5)))


def archive(path, files, described=None, method=zipfile.ZIP_DEFLATED):
    """An exported archive with these files, its description made to fit."""
    if described is None:
        graph = [{"@id": name, "@type": "File", "sha256": hashlib.sha256(files[name]).hexdigest()} for name in files]
        described = json.dumps({"@graph": graph}).encode()
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr(crate.METADATA, described)
        for name, content in files.items():
            file.writestr(name, content)
    return path


def opened(path, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return find.find(tmp_path / "none", str(path), scratch)


def plan_of_run(run):
    return {"plan.json": run.folder.plan.read_bytes()}


@pytest.mark.parametrize(
    "name", ["../up", "/abs", "a/../../b", "a\\b", "a\nb", "x" * 300, "a//b", "./a", "\x1b[2J"], ids=repr
)
def test_a_name_that_leads_elsewhere_is_refused(run, tmp_path, name):
    path = archive(tmp_path / "bad.zip", {**plan_of_run(run), name: b"x"})
    with pytest.raises(NotReady, match="damaged, or no archive") as error:
        opened(path, tmp_path)
    assert "\x1b" not in str(error.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad.zip", "runs", "scratch"]


@pytest.mark.parametrize(
    ("limit", "value", "files"),
    [
        ("TOTAL", 1_000_000, {f"code/{n}": os.urandom(300_000) for n in range(4)}),
        ("LARGEST", 100_000, {"model.bin": os.urandom(200_000)}),
        ("MOST", 10, {f"code/{n}": b"x" for n in range(20)}),
        ("SMALL", 2**20, {"log.txt": bytes(3_000_000)}),
    ],
)
def test_an_archive_that_is_too_much_is_refused(run, tmp_path, monkeypatch, limit, value, files):
    monkeypatch.setattr(unpack, limit, value)
    if limit == "LARGEST":
        monkeypatch.setattr(unpack.Archive.read, "__defaults__", (value,))
    path = archive(tmp_path / "large.zip", {**plan_of_run(run), **files})
    with pytest.raises(NotReady, match="damaged, or no archive"):
        opened(path, tmp_path)


def test_a_description_that_unpacks_to_much_is_refused_before_it_is_read(run, tmp_path):
    path = archive(tmp_path / "bomb.zip", plan_of_run(run), b"[" + b" " * 2**25 + b"]")
    with pytest.raises(NotReady, match="damaged, or no archive"):
        opened(path, tmp_path)


@pytest.mark.parametrize("described", [b"[" * 100_000, b"{}", b"null", b'{"@graph": [1]}', b"\xff", b'{"@graph": NaN}'])
def test_a_description_that_is_none_is_said_in_a_line(run, tmp_path, described):
    with pytest.raises(NotReady, match="damaged, or no archive"):
        opened(archive(tmp_path / "bad.zip", plan_of_run(run), described), tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_way_of_packing_is_refused(run, tmp_path, method):
    with pytest.raises(NotReady, match="packed in another way"):
        opened(archive(tmp_path / "other.zip", plan_of_run(run), method=method), tmp_path)


def test_a_link_in_an_archive_is_refused(run, tmp_path):
    path = archive(tmp_path / "link.zip", plan_of_run(run))
    with zipfile.ZipFile(path, "a") as file:
        info = zipfile.ZipInfo("log.txt")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, b"/etc/passwd")
    with unpack.opened(path) as each, pytest.raises(ValueError, match="is a link"):
        each.read("log.txt")


def test_two_files_of_one_name_are_refused(run, tmp_path):
    path = archive(tmp_path / "twice.zip", plan_of_run(run))
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("plan.json", b"{}")
    with pytest.raises(NotReady, match="two files of one name"):
        opened(path, tmp_path)


def test_what_small_files_unpack_to_is_added_up(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "TOTAL", 250_000)
    with zipfile.ZipFile(tmp_path / "many.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("a", "b", "c"):
            file.writestr(name, bytes(100_000))
    with unpack.opened(tmp_path / "many.zip") as many:
        with pytest.raises(ValueError, match="a is too large"):
            many.read("a", largest=99_999)
        assert [len(many.read(name)) for name in ("a", "b")] == [100_000, 100_000]
        with pytest.raises(ValueError, match="c is too large"):
            many.read("c")


def test_every_damaged_archive_is_said_in_a_line(run, tmp_path):
    whole = archive(tmp_path / "whole.zip", {**plan_of_run(run), "log.txt": b"words " * 500}).read_bytes()
    path = tmp_path / "damaged.zip"
    for at in range(0, len(whole), 61):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            scratch = tmp_path / "scratch" / str(at)
            scratch.mkdir(parents=True, exist_ok=True)
            try:
                find.find(tmp_path / "none", str(path), scratch)
            except (NotReady, SettingError):
                continue
    path.write_bytes(b"")
    with pytest.raises(NotReady, match="damaged"):
        find.find(tmp_path / "none", str(path), tmp_path)


@pytest.mark.parametrize("name", ["", "?", "*", "**", "[", "x" * 300, "x" * 300 + ".zip", "\x1b[2J"])
def test_an_odd_name_finds_no_run(run, tmp_path, name):
    with pytest.raises(SettingError) as error:
        find.find(tmp_path / "runs", name, tmp_path)
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize("what", ["log.txt", "plot.png", "changes.patch", "code/more.py", "original"])
def test_links_of_a_run_folder_are_not_exported(run, tmp_path, what):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "id_rsa").write_text("private")
    link = run.folder.path / what
    link.symlink_to(secret if what == "original" else secret / "id_rsa")
    with pytest.raises(NotReady, match="is a link"):
        run_archive.pack(run, ROOT, False, "")


def test_what_is_written_stays_what_it_was(tmp_path):
    pipe, link, real = tmp_path / "pipe", tmp_path / "link", tmp_path / "real"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    output.write(pipe, b"content")
    assert os.read(reader, 100) == b"content"
    assert pipe.is_fifo()
    real.write_text("old")
    link.symlink_to("real")
    output.write(link, "new")
    assert link.is_symlink() and real.read_text() == "new"
    output.write(tmp_path / "made" / "deep", "new")
    assert (tmp_path / "made" / "deep").read_text() == "new"
    with pytest.raises(NotReady, match="directory"):
        output.save(tmp_path, b"x")
    (tmp_path / "away").symlink_to(tmp_path / "not" / "mounted")
    with pytest.raises(NotReady, match="cannot be written"):
        output.save(tmp_path / "away" / "run.zip", b"x")
    assert not (tmp_path / "not").exists()


def test_comets_archive_within_limits(run, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as inner:
        inner.writestr("../../escaped.py", b"x")
    path = tmp_path / "comet.zip"
    with zipfile.ZipFile(path, "w") as file:
        upload = {"file_path": "/x/code", "additional_params": {"fileName": run_archive.CODE}}
        file.writestr("messages.json", json.dumps({"type": "file_upload", "payload": upload}))
        file.writestr("code", content.getvalue())
    with pytest.raises(NotReady, match="no name of a file"):
        opened(path, tmp_path)


def test_what_is_read_is_a_file_of_so_many_bytes(tmp_path):
    (tmp_path / "x").write_bytes(bytes(11))
    with pytest.raises(ValueError, match="more than 10 bytes"):
        reading.content(tmp_path / "x", 10)
