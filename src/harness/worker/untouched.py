"""What a script must leave as it is: its own folder, the code beside it, and the data."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.contract import atomic, identity
from harness.contract.errors import RunFailed


@contextlib.contextmanager
def checked(code: Path, home: Path, data: Path, script: str) -> Iterator[None]:
    """Fail where the script's own folder `home`, the rest of `code` or the data is another one afterwards.

    Root may write what is read-only; a process may write anywhere: of what lies elsewhere nothing is known.

    Raises:
        RunFailed: names the first file that differs.
    """
    folders = {"its own folder": (home, _contents), "the code": (code, _contents), "the data": (data, _times)}
    before = {name: look(folder) for name, (folder, look) in folders.items()}
    yield
    for name, (folder, look) in folders.items():
        after = look(folder)
        changed = sorted(
            path for path in before[name].keys() | after.keys() if before[name].get(path) != after.get(path)
        )
        if changed:
            raise RunFailed(
                f"{script} wrote into {name}: {changed[0]}; what it may write are SM_MODEL_DIR and the like"
            )


def _contents(folder: Path) -> dict[str, object]:
    names = (name for name in identity.names_in(folder) if "__pycache__" not in name)
    return {name: atomic.sha256(folder / name) for name in names}


def _times(folder: Path) -> dict[str, object]:
    stats = {name: (folder / name).stat() for name in identity.names_in(folder)}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the right to write files and folders below `folder`, as far as they are ours, and give it to us again."""
    paths = [folder, *folder.rglob("*")]
    _change(paths, lambda mode: mode & ~0o222)
    try:
        yield
    finally:
        _change(paths, lambda mode: mode | 0o200)  # not what it was: another worker may have taken it before


def _change(paths: list[Path], changed: Callable[[int], int]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):  # it is another's, or mounted read-only
            path.chmod(changed(path.stat().st_mode))
