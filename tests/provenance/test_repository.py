import subprocess

import pytest

from harness.provenance import credentials, repository


@pytest.fixture
def clone(tmp_path):
    def git(*arguments, folder=tmp_path / "clone"):
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)

    (tmp_path / "clone").mkdir()
    git("init")
    (tmp_path / "clone" / "kept.txt").write_text("one\n")
    git("add", ".")
    git("commit", "-m", "first")
    return tmp_path / "clone", git


def test_outside_a_repository_git_is_unknown_and_nothing_fails(tmp_path):
    assert repository.git_state(tmp_path) == repository.GitState(None, b"", ())


def test_a_clean_clone_has_no_patch_and_a_remote_that_nobody_pushed_to_says_so(clone):
    folder, git = clone
    git("remote", "add", "origin", "https://user:pa55word@example.org/a/b.git?token=x")
    found = repository.git_state(folder)
    assert (found.patch, found.git.dirty, found.git.patch_sha256) == (b"", False, None)
    assert (found.git.branch, found.git.pushed, found.git.remote) == ("main", False, "https://example.org/a/b.git")


def test_a_pushed_commit_is_known_to_be_pushed(clone, tmp_path):
    folder, git = clone
    git("init", "--bare", str(tmp_path / "remote.git"))
    git("remote", "add", "origin", str(tmp_path / "remote.git"))
    git("push", "origin", "main")
    assert repository.git_state(folder).git.pushed is True


def test_the_patch_rebuilds_the_working_tree_and_leaves_the_index_alone(clone, tmp_path):
    folder, git = clone
    (folder / "kept.txt").write_text("two\n")
    (folder / "new file é.bin").write_bytes(bytes(range(256)))
    (folder / "staged.txt").write_text("staged\n")
    git("add", "staged.txt")
    before = (folder / ".git" / "index").read_bytes()
    found = repository.git_state(folder)
    assert (folder / ".git" / "index").read_bytes() == before
    assert found.git.dirty
    git("clone", str(folder), str(tmp_path / "other"))
    subprocess.run(["git", "-C", str(tmp_path / "other"), "apply", "--binary", "-"], input=found.patch, check=True)
    for name in ("kept.txt", "new file é.bin", "staged.txt"):
        assert (tmp_path / "other" / name).read_bytes() == (folder / name).read_bytes()
    assert repository.git_state(folder).git.patch_sha256 == found.git.patch_sha256


def test_ignored_files_stay_out_of_the_patch(clone):
    folder, _ = clone
    (folder / ".git" / "info" / "exclude").write_text("junk/\n")
    (folder / "junk").mkdir()
    (folder / "junk" / "a").write_text("x")
    assert repository.git_state(folder).patch == b""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", "ANYTHING=1"),
        ("notes.txt", "COMET_API_KEY=abcdefghijklmnop"),
        ("keys.txt", "AKIA" + "ABCDEFGHIJKLMNOP"),
        ("echo.txt", "planted-value-of-the-environment"),
        ("kept.txt", "planted-value-of-the-environment"),
    ],
)
def test_a_file_with_a_secret_is_withheld_and_named(clone, monkeypatch, name, content):
    folder, _ = clone
    monkeypatch.setenv("COMET_API_KEY", "planted-value-of-the-environment")
    (folder / name).write_text(content)
    (folder / "harmless.txt").write_text("fine\n")
    found = repository.git_state(folder)
    assert found.withheld == (name,)
    assert content.encode() not in found.patch
    assert b"harmless.txt" in found.patch
    assert found.git.dirty


def test_a_large_untracked_file_is_withheld_and_named(clone):
    folder, _ = clone
    (folder / "large.bin").write_bytes(b"\0" * (repository.LARGEST_UNTRACKED + 1))
    found = repository.git_state(folder)
    assert found.withheld == ("large.bin",)
    assert len(found.patch) < 1000


def test_redacted_text_has_no_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-aws-secret-value")
    assert credentials.redact("a planted-aws-secret-value b") == "a [secret] b"
