"""The interpreter for a lock: this one where it has what the lock names, else one that is made for that lock alone."""

import hashlib
import subprocess
import sys
import threading
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from harness.contract import bundle
from harness.contract.errors import NotReady
from harness.launch import environments

HERE = metadata.version("numpy")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose own lock names something that is not installed here."""
    (tmp_path / bundle.LOCK).write_text("nothing-of-the-kind==1.0\n")
    return tmp_path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The lock of a package that lies in a folder, which is all that pip may look at."""
    wheel = tmp_path / "wheels" / "onlyhere-2.5-py3-none-any.whl"
    wheel.parent.mkdir()
    about = "Metadata-Version: 2.1\nName: onlyhere\nVersion: 2.5\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("onlyhere.py", "NUMBER = 25\n")
        archive.writestr("onlyhere-2.5.dist-info/METADATA", about)
        archive.writestr(
            "onlyhere-2.5.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("onlyhere-2.5.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return f"onlyhere==2.5 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n".encode()


def test_a_lock_that_is_satisfied_here_or_is_the_projects_own_gets_this_interpreter(root: Path) -> None:
    said: list[str] = []
    satisfied = (
        f"numpy=={HERE} \\\n    --hash=sha256:{'0' * 64}\nother==9 ; sys_platform == 'win32' \\\n    --hash=sha256:1\n"
    )
    for lock in (satisfied.encode(), (root / bundle.LOCK).read_bytes()):
        assert environments.interpreter(root, lock, said.append) == Path(sys.executable)
    assert said == []


@pytest.mark.parametrize(
    ("lock", "missing"),
    [
        (f"numpy=={HERE}.post9\n", [f"numpy=={HERE}.post9"]),
        (f"numpy=={HERE} ; python_version < '3'\nother==1 \\\n    --hash=sha256:2\n", ["other==1"]),
        ("other==1 ; python_version > '3'\n", ["other==1"]),
    ],
)
def test_what_is_missing_is_what_applies_here_and_has_another_version(lock: str, missing: list[str]) -> None:
    assert environments.missing(lock.encode()) == missing


@pytest.mark.long
def test_another_lock_gets_an_environment_of_its_own_once(root: Path, package: bytes) -> None:
    said: list[str] = []
    pythons: list[Path] = []

    def ask() -> None:
        pythons.append(environments.interpreter(root, package, said.append))

    both = [threading.Thread(target=ask) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    folder = root / ".cache" / "environments" / hashlib.sha256(package).hexdigest()[:12]
    assert pythons == [folder / "bin" / "python"] * 2
    assert len(said) == 2 and "1 packages" in said[0] and " MB in " in said[1]
    code = "import onlyhere; print(onlyhere.NUMBER)"
    done = subprocess.run([pythons[0], "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "25\n"
    assert subprocess.run([pythons[0], "-c", "import numpy"], capture_output=True, check=False).returncode == 1

    (folder / "installed").unlink()  # one that was not finished is made again
    (folder / "lib").rename(folder / "nothing")
    ask()
    assert len(said) == 4
    assert subprocess.run([pythons[2], "-c", code], check=False).returncode == 0


def test_without_the_network_one_line_says_what_is_missing(root: Path, package: bytes) -> None:
    lock = package.replace(b"2.5", b"2.6")
    with pytest.raises(NotReady) as caught:
        environments.interpreter(root, lock, lambda line: None)
    assert "onlyhere==2.6" in caught.value.what and "\n" not in str(caught.value)
    assert not (root / ".cache" / "environments" / hashlib.sha256(lock).hexdigest()[:12] / "installed").exists()


def test_pip_gets_no_password_out_of_netrc(tmp_path: Path) -> None:
    environments._run([sys.executable, "-c", "import os; assert os.environ['NETRC'] == os.devnull"], tmp_path)
