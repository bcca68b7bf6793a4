"""The code of a commit of this repository, with a patch or without, read as bytes: nothing of it is imported or run."""

import ast
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.contract import bundle, legal
from harness.contract.errors import NotReady
from harness.provenance import command
from harness.runs import reading

LARGEST_LIST = 2**18  # bytes of the module that says what travels
PATCH = 2**28  # bytes of a patch
FIRST = "harness/bundle.py"  # where schema 1 listed its MODULES
NOW = "harness/contract/bundle.py"  # where the packages that travel are listed since


def files(root: Path, commit: str, program: str, patch: Path | None) -> dict[str, bytes]:
    """The bundle of a program as of a commit, with a patch applied where there is one.

    Raises:
        NotReady: the commit is not here, the patch does not apply, or what comes out is no bundle.
    """
    with _worktree(root, commit) as top:
        if patch is not None:
            _apply(top, patch)
        project = top / command.run(root, "rev-parse", "--show-prefix").stdout.strip()
        try:
            return _collect(project, program)
        except (OSError, ValueError) as error:
            what = f"commit {commit[:12]} does not hold the program: {legal.spelled(str(error))}"
            raise NotReady(what) from error


def _apply(top: Path, patch: Path) -> None:
    try:
        content = reading.content(patch, PATCH)
    except FileNotFoundError:
        raise NotReady("its changes.patch is gone") from None
    except (OSError, ValueError) as error:
        raise NotReady(f"its changes.patch cannot be read: {error}") from error
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "changes.patch")
        copy.write_bytes(content)
        applied = command.run(top, "apply", "--binary", "--whitespace=nowarn", str(copy))
    if applied.returncode:
        raise NotReady("its changes.patch does not apply")


def _collect(project: Path, program: str) -> dict[str, bytes]:
    """As that commit's own `bundle.collect`, by what its list says."""
    src = project / "src"
    if (src / NOW).is_file():
        listed = _constants(src / NOW, ("HARNESS", "HOST", "LOCK"))
        paths = [src / "harness" / "__init__.py", src / "programs" / "__init__.py"]
        for package in listed["HARNESS"]:
            paths += _python(src / "harness" / package)
        own = src / "programs" / program
        paths += [path for path in _python(own) if path.relative_to(own).parts[0] != listed["HOST"]]
        lock = own / "requirements.lock"
    else:
        listed = _constants(src / FIRST, ("MODULES", "LOCK"))
        paths = [src / "harness" / f"{module}.py" for module in listed["MODULES"]]
        lock = project / listed["LOCK"]
    lock = lock if lock.is_file() else project / listed["LOCK"]
    bundled = {path.relative_to(src).as_posix(): _content(project, path) for path in paths}
    return {**bundled, bundle.LOCK: _content(project, lock)}


def _python(folder: Path) -> list[Path]:
    return [path for path in reading.below(folder) if "__pycache__" not in path.parts and path.suffix != ".pyc"]


def _content(project: Path, path: Path) -> bytes:
    """The bytes of a file that no link leads to."""
    if path.resolve() != project.resolve() / path.relative_to(project):
        raise ValueError(f"{path.relative_to(project)} is a link")
    return reading.content(path, reading.LARGEST_CODE)


def _constants(module: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Names of files, and lists of them, that a module assigns to these names at its top; it is not imported.

    Raises:
        OSError, ValueError: it cannot be read, or lacks one.
    """
    try:
        tree = ast.parse(reading.content(module, LARGEST_LIST))
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{module.name} is no module") from error
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in names:
            found[node.targets[0].id] = ast.literal_eval(node.value)
    for value in found.values():
        if not all(legal.NAME.test(each) for each in (value if isinstance(value, tuple) else (value,))):
            raise ValueError(f"{module.name} lists what is no name of a file")
    if len(found) < len(names):
        raise ValueError(f"{module.name} does not say what travels")
    return found


@contextmanager
def _worktree(root: Path, commit: str) -> Iterator[Path]:
    """A clean worktree of a commit, gone afterwards.

    Raises:
        NotReady: this repository does not have the commit.
    """
    if not legal.COMMIT.test(commit) or command.run(root, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        raise NotReady(f"commit {legal.spelled(commit[:12])} is not in this repository")
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch, "worktree")
        done = command.run(root, "worktree", "add", "--quiet", "--detach", str(top), commit)
        if done.returncode:
            raise NotReady(f"commit {commit[:12]} cannot be laid out: {done.stderr.strip()[:200]}")
        try:
            yield top
        finally:
            command.run(root, "worktree", "remove", "--force", str(top))
