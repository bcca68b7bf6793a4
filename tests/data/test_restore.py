"""Versions of the data by hashes and listings that anyone may have written: nothing outside .cache/versions changes."""

import json
from hashlib import md5

import pytest

from harness.contract import identity
from harness.contract.errors import DataError, NotReady
from harness.data import dvc, pins, restore
from harness.runs import removal


def digest(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


def put(root, content: bytes, ending: str = "") -> str:
    """An object in the cache of the DVC project at `root`."""
    name = digest(content)
    path = root / ".dvc/cache/files/md5" / name[:2] / f"{name[2:]}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name + ending


@pytest.fixture
def root(tmp_path, monkeypatch):
    for name in ("GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(f"DVC_{name}", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "project" / ".dvc").mkdir(parents=True)
    (tmp_path / "project" / "data.dvc").write_text("")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("years of work")
    return tmp_path / "project"


def version(root, content, fetch=False):
    return restore.version(root, "data.dvc", content, lambda line: None, fetch)


@pytest.mark.parametrize(
    "pin", ["{tmp}/precious", "../../../precious", "..", ".", "", "0" * 32, "../" + "0" * 32 + ".dir"]
)
def test_a_hash_that_is_a_path_removes_and_makes_nothing(root, pin):
    with pytest.raises(NotReady, match="no version of the data"):
        version(root, pin.format(tmp=root.parent))
    assert (root.parent / "precious" / "thesis.tex").exists()
    assert sorted(path.name for path in root.parent.iterdir()) == ["precious", "project"]


def test_only_a_direct_child_is_removed(tmp_path):
    inside, outside = tmp_path / "versions" / "one", tmp_path / "other"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
        (folder / "x").write_text("x")
    for wrong in (outside, tmp_path / "versions", tmp_path / "versions" / "..", inside / "deeper"):
        with pytest.raises(ValueError, match="is not in"):
            removal.remove(wrong, tmp_path / "versions")
    link = tmp_path / "versions" / "link"
    link.symlink_to(outside)
    for each in (link, inside):
        removal.remove(each, tmp_path / "versions")
    assert list((tmp_path / "versions").iterdir()) == []
    assert (outside / "x").exists()


@pytest.mark.parametrize("path", ["../../../../escaped", "{tmp}/absolute", "a/../../escaped", "a\nb", ""])
def test_a_listing_that_names_files_elsewhere_makes_no_links(root, path):
    content = put(root, b"x")
    listing = [{"md5": content, "relpath": path.format(tmp=root.parent)}]
    pin = put(root, json.dumps(listing).encode(), ".dir")
    with pytest.raises(NotReady, match="does not hold the data"):
        version(root, pin)
    assert not [found for found in root.parent.rglob("*") if found.is_symlink()]


@pytest.mark.parametrize("text", ["[" * 100_000, '[{"md5": "../../../../etc/passwd", "relpath": "a"}]', "{}", "[1]"])
def test_a_listing_that_is_none_holds_no_data(root, text):
    pin = put(root, text.encode(), ".dir")
    with pytest.raises(NotReady, match="does not hold the data"):
        version(root, pin)


def test_a_version_in_the_cache_is_linked(root):
    content = put(root, b"x")
    pin = identity.directory_hash((identity.FileId("a/b", content, 1),))
    put(root, json.dumps([{"md5": content, "relpath": "a/b"}]).encode(), ".dir")
    folder = version(root, pin)
    assert (folder / "a" / "b").read_bytes() == b"x"
    assert folder == root / ".cache" / "versions" / pin
    (folder / "a" / "b").unlink()
    assert (version(root, pin) / "a" / "b").exists()


@pytest.mark.parametrize("fetch", [False, True])
def test_the_remote_is_asked_only_where_that_was_said(root, monkeypatch, fetch):
    (root / ".dvc" / "config").write_text("['remote \"r\"']\n    url = /nowhere\n")
    commands = []
    monkeypatch.setattr(dvc.Project, "_run", lambda self, *words, limit=0.0: commands.append(words[0]) or "")
    with pytest.raises(NotReady, match="does not hold the data"):
        version(root, "0" * 32 + ".dir", fetch)
    assert commands == (["fetch"] if fetch else [])


def test_a_revision_is_no_option_of_git(root, monkeypatch):
    monkeypatch.setattr(pins.repository, "run", lambda *words: pytest.fail(f"git {words}"))
    with pytest.raises(NotReady, match=r"has no data\.dvc"):
        pins.pinned_at(root, "--output=written", "data.dvc")


@pytest.mark.parametrize(
    "text", ["outs: [", "- 1", "[" * 5000, "outs:\n- md5: ../../x.dir\n  path: data\n", "\udcff", "x: " + "y" * 100_000,
             f"outs:\n- md5: {'0' * 32}.dir\n  path: ../x\n", f"outs:\n- md5: {'0' * 32}.dir\n  path: /x\n"],
)  # fmt: skip
def test_a_document_that_pins_no_folder_beside_it_is_refused_in_a_line(root, text):
    (root / "data.dvc").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError):
        pins.pinned(root, "data.dvc")
