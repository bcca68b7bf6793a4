"""The interpreter for a lock: the project's own, or one of an environment that is made for that lock alone."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

from harness.contract import bundle
from harness.contract.errors import NotReady
from harness.runs import locks

FOLDER = Path(".cache") / "environments"  # in the project
STAMP = "installed"  # written last: an environment without it is not whole
PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)\s*(?:;\s*([^\\\n]+?))?\s*\\?$", re.MULTILINE)
INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes")
NETWORK = ("--retries", "1", "--timeout", "15")  # offline, the answer comes within seconds


def interpreter(root: Path, lock: bytes, say: Callable[[str], None]) -> Path:
    """The Python that has what a lock names: this one where it has, or where the lock is the project's own.

    Else one in `.cache/environments`, which is made where it is missing; a line says so.

    Raises:
        NotReady: it could not be made.
    """
    if lock == (root / bundle.LOCK).read_bytes() or not missing(lock):
        return Path(sys.executable)
    folder = root / FOLDER / hashlib.sha256(lock).hexdigest()[:12]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locks.in_turn(folder.with_suffix(".lock")):
        if not (folder / STAMP).exists():
            _make(folder, lock, say)
    return folder / "bin" / "python"


def missing(lock: bytes) -> list[str]:
    """The pins of a lock that apply to this machine and that this interpreter does not have."""
    pins = PIN.findall(lock.decode())
    applying = [(name, version) for name, version, marker in pins if not marker or Marker(marker).evaluate()]
    return [f"{name}=={version}" for name, version in applying if _installed(name) != version]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _make(folder: Path, lock: bytes, say: Callable[[str], None]) -> None:
    count = len(PIN.findall(lock.decode()))
    say(f"libraries making an environment of its lock's {count} packages, once, in {folder}")
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)  # one that was begun and not finished
    base = getattr(sys, "_base_executable", None) or sys.executable
    _run([base, "-m", "venv", str(folder)], folder)
    pins = folder / bundle.LOCK
    pins.write_bytes(lock)
    _run([str(folder / "bin" / "python"), *INSTALL, *NETWORK, "--requirement", str(pins)], folder)
    (folder / STAMP).touch()
    size = sum(path.lstat().st_size for path in folder.rglob("*"))
    say(f"libraries {size / 1e6:.0f} MB in {time.monotonic() - began:.0f} s")


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        env=os.environ | {"NETRC": os.devnull},  # a lock may name an index: no password out of it goes there
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        told = next((line for line in lines if line.startswith("ERROR: ")), lines[-1] if lines else "")
        what = f"the environment {folder.name} of this program's lock could not be made: {told.removeprefix('ERROR: ')}"
        legal = "a package index that has its files; PIP_EXTRA_INDEX_URL=ADDRESS names one more"
        raise NotReady(what, legal=legal, command=" ".join(command))
