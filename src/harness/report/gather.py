"""The runs that a report is about."""

import functools
from pathlib import Path
from typing import Any

from harness.report import rows
from harness.report.table import Differences, build
from harness.runs import stored
from harness.settings import conf
from harness.sharing import find


def table(runs: Path, names: list[str], scratch: Path, differences: Differences | None = None) -> dict[str, Any]:
    """`build` of the runs that are named, in the order of their ids; of all of `runs` where none is.

    Args:
        names: folders of runs, or what `find.find` takes.
        scratch: an empty folder, for what is unpacked; needed no longer afterwards.
        differences: as `build` takes it.

    Raises:
        NotReady, SettingError: one is not there, or not whole.
    """
    by_id: dict[str, rows.Row] = {}
    unreadable: list[str] = []
    for number, name in enumerate(names or [str(runs)]):
        path = Path(name)
        if not names or (path.is_dir() and not (path / "plan.json").exists() and any(path.glob("*/plan.json"))):
            several, broken = stored.everything(path)
            unreadable += broken
        else:
            (scratch / str(number)).mkdir()
            several = [find.find(runs, name, scratch / str(number))]
        by_id |= {run.run_id: rows.row_of(run) for run in several}
    return build([by_id[run_id] for run_id in sorted(by_id)], unreadable, differences)


def differences(root: Path) -> Differences:
    """In words how two versions of a program's data differ, by their hashes; each pair is looked at once."""

    @functools.cache
    def between(program: str, older: str, newer: str) -> list[str]:
        from harness.evidence import versions  # late: NumPy and DVC, and mostly there is but one version

        try:
            (document,) = (each.default for each in conf.program(program) if each.name == "data.pin")
        except (OSError, ValueError):
            return [f"not known: conf/program/{program}.yaml names no data"]
        return versions.lines(root, None if document == "null" else document, program, older, newer)

    return between
