import os
import shutil
import subprocess
from pathlib import Path

import pytest


class Clone:
    """A small real repository, as the project is one, with its git commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: object, folder: Path | None = None, check: bool = True, **options) -> bytes:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
        command = ["git", *identity, "-C", str(folder or self.folder), *map(str, arguments)]
        return subprocess.run(command, check=check, capture_output=True, **options).stdout

    def write(self, name: str | bytes, content: str | bytes) -> None:
        path = Path(os.fsdecode(self.folder)) / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str = "next") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def rebuilt(self, patch: bytes, folder: Path) -> dict[str, bytes]:
        """The files that the commit and a patch give, in a checkout of their own without this one's settings."""
        folder.mkdir()
        git = folder / ".git"
        for name in ("objects", "refs"):
            (git / name).mkdir(parents=True)
        (git / "objects" / "info").mkdir()
        (git / "objects" / "info" / "alternates").write_bytes(os.fsencode(_quoted(self.folder / ".git" / "objects")))
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "config").write_text("[core]\n\trepositoryformatversion = 0\n")
        commit = self.git("rev-parse", "HEAD").decode().strip()
        self.git("read-tree", "-u", "--reset", commit, folder=folder)
        if patch:
            self.git("apply", "--binary", "--whitespace=nowarn", "-", folder=folder, input=patch)
        return files(folder)

    def files(self) -> dict[str, bytes]:
        return files(self.folder)


def files(folder: Path) -> dict[str, bytes]:
    """The content of every file, of links where they lead, below a folder."""
    contents = {}
    for path in folder.rglob("*"):
        if ".git" in path.relative_to(folder).parts or (path.is_dir() and not path.is_symlink()):
            continue
        name = path.relative_to(folder).as_posix()
        contents[name] = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    return contents


def _quoted(path: Path) -> str:
    """A path as a line of git's list of object stores: quoted, for it may hold a quotation mark or two lines."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"\n'


@pytest.fixture
def plain_git(monkeypatch, tmp_path):
    """A git that no configuration of this account reaches, and no secret of this environment."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "home" / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n")
    return tmp_path


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A repository with one commit, to be copied: three processes of git less for each test."""
    made = Clone(tmp_path_factory.mktemp("template") / "clone")
    made.folder.mkdir()
    made.git("init", "-q", "--template=", "--initial-branch=main")
    (made.folder / ".git" / "info").mkdir()
    made.write("src/kept.py", "one = 1\n")
    made.write("notes.md", "notes\n")
    made.commit("first")
    return made.folder


@pytest.fixture
def clone(plain_git, template):
    """A repository with one commit: src/kept.py and notes.md."""
    return Clone(Path(shutil.copytree(template, plain_git / "clone")))
