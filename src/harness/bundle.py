"""The code that travels: the modules that training needs, and the lock that names their libraries."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

# What the worker imports, and nothing else: a change to any other module does not change the experiment.
MODULES = (
    "__init__",
    "atomic",
    "augment",
    "bundle",
    "checkpoint",
    "cifar10",
    "dataset",
    "environment",
    "errors",
    "evaluation",
    "fit",
    "folders",
    "identity",
    "optimizer",
    "plan",
    "randomness",
    "record",
    "resnet",
    "schedule",
    "settings",
    "step",
    "worker",
    "workers",
)
LOCK = "requirements-train.lock"


def collect(root: Path) -> dict[str, bytes]:
    """The bundle of the project at `root`: content by path inside the bundle."""
    modules = {f"harness/{module}.py": (root / "src" / "harness" / f"{module}.py").read_bytes() for module in MODULES}
    return {**modules, LOCK: (root / LOCK).read_bytes()}


def received(folder: Path) -> dict[str, bytes]:
    """The bundle as it lies in a folder: every Python file of the package, asked for or not, and the lock."""
    modules = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("harness/**/*.py")}
    return {**modules, LOCK: (folder / LOCK).read_bytes()}


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Lay the bundle out in a new folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def code_hash(files: Mapping[str, bytes]) -> str:
    """sha256 over the Python files: for each, sorted by path, a line of its path and its content's sha256."""
    lines = [f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files) if name.endswith(".py")]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def lock_hash(files: Mapping[str, bytes]) -> str:
    """sha256 of the training lock."""
    return hashlib.sha256(files[LOCK]).hexdigest()
