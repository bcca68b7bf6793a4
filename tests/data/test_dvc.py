"""DVC's cache is believed only where its bytes are right, and what DVC says is told without a password."""

import json
import sys
from hashlib import md5
from pathlib import Path

import pytest

from harness.data.dvc import NotThere, Project


def digest(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose cache holds two files, and whose DVC is a script."""
    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    contents = {"a": b"one", "b/c": b"two"}
    listing = json.dumps([{"md5": digest(each), "relpath": name} for name, each in contents.items()]).encode()
    for content, ending in ((listing, ".dir"), *((each, "") for each in contents.values())):
        path = tmp_path / ".dvc/cache/files/md5" / digest(content)[:2] / f"{digest(content)[2:]}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "data.dvc").write_text("as it was\n")
    return Project(tmp_path, "data.dvc", f"{digest(listing)}.dir", lambda line: None)


def script(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let DVC be this."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def test_a_damaged_object_is_named_and_removed_only_where_that_is_wanted(project: Project) -> None:
    assert project.faults() == []
    stored = project.root / ".dvc/cache/files/md5" / digest(b"one")[:2] / digest(b"one")[2:]
    stored.write_bytes(b"1ne")
    assert project.faults() == ["it holds a damaged a"] and stored.exists()
    assert project.faults(remove=True) == ["it holds a damaged a"] and not stored.exists()
    assert project.faults() == ["it lacks a"]
    with pytest.raises(NotThere, match="it lacks a"):
        project.from_cache()


def test_what_dvc_says_is_told_without_a_password(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "ERROR: failed to connect to https://me:hush-hush@example.org/x: no such host"
    script(project.root, monkeypatch, f"echo '{said}' >&2; exit 1")
    with pytest.raises(NotThere) as error:
        project._run("fetch", "data.dvc")
    assert str(error.value) == "dvc fetch fails: failed to connect to https://example.org/x: no such host"


@pytest.mark.parametrize("code", [0, 1])
def test_a_document_that_dvc_changes_is_put_back(project: Project, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    script(project.root, monkeypatch, f"echo changed >data.dvc; echo done; exit {code}")
    if code:
        with pytest.raises(NotThere):
            project._run("checkout")
    else:
        assert project._run("checkout") == "done\n"
    assert (project.root / "data.dvc").read_text() == "as it was\n"
