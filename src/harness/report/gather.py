"""The runs that a report is about."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.report import rows
from harness.runs import stored
from harness.sharing import find


def table(
    runs: Path, names: list[str], scratch: Path, differences: Callable[[str, str], list[str]] | None = None
) -> dict[str, Any]:
    """`rows.table` of the runs that are named, in the order of their ids; of all of `runs` where none is.

    Args:
        names: folders of runs, or what `original.find` takes.
        scratch: an empty folder, for what is unpacked; needed no longer afterwards.
        differences: as `rows.table` takes it.

    Raises:
        NotReady, SettingError: one is not there, or not whole.
    """
    found: dict[str, rows.Kept] = {}
    unreadable: list[str] = []
    for number, name in enumerate(names or [str(runs)]):
        path = Path(name)
        if not names or (path.is_dir() and not (path / "plan.json").exists() and any(path.glob("*/plan.json"))):
            pasts, broken = stored.everything(path)
            unreadable += broken
        else:
            (scratch / str(number)).mkdir()
            pasts = [find.find(runs, name, scratch / str(number))]
        found |= {past.run_id: rows.kept(past) for past in pasts}
    return rows.table([found[run_id] for run_id in sorted(found)], unreadable, differences)


def differences(root: Path) -> Callable[[str, str], list[str]]:
    """In words how two versions of the data differ, by their hashes; each pair is looked at once."""

    @functools.cache
    def between(older: str, newer: str) -> list[str]:
        from harness.evidence import versions  # late: NumPy and DVC, and mostly there is but one version

        return versions.lines(root, older, newer)

    return between
