"""The runs that a report is about."""

import functools
from pathlib import Path
from typing import Any

from harness.report import details, rows
from harness.report.table import Differences, build
from harness.runs import index, run_folder
from harness.runs.run_folder import RunFolder
from harness.settings import conf
from harness.sharing import find


@index.uncollected()
def table(runs: Path, names: list[str], scratch: Path, differences: Differences | None = None) -> dict[str, Any]:
    """`build` of the runs that are named, in the order of their ids; of all of `runs` where none is. With `details`.

    Args:
        names: folders of runs, or what `find.find` takes.
        scratch: an empty folder, for what is unpacked; needed no longer afterwards.
        differences: as `build` takes it.

    Raises:
        NotReady, SettingError: one is not there, or not whole.
    """
    by_id: dict[str, rows.Row] = {}
    folders: dict[str, RunFolder] = {}
    unreadable: list[str] = []
    for number, name in enumerate(names or [str(runs)]):
        path = Path(name)
        several: list[tuple[RunFolder, rows.Row | str]]
        if not names or ("plan.json" not in _listed(path) and run_folder.ids(path)):
            several = [(RunFolder(path / each), row) for each, row in index.Index(path, rows.KIND).facts().items()]
        else:
            (scratch / str(number)).mkdir()
            run = find.find(runs, name, scratch / str(number))
            several = [(run.folder, rows.row_of(run))]
        for folder, row in several:
            if isinstance(row, str):
                unreadable.append(row)
            else:
                by_id[str(row.cells["run"])], folders[str(row.cells["run"])] = row, folder
    ids = sorted(by_id)
    newest = {run_id: (folders[run_id], by_id[run_id].code) for run_id in reversed(ids)}
    return build([by_id[run_id] for run_id in ids], unreadable, differences) | {"details": details.of(newest)}


def _listed(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:  # no folder, or no name of one
        return []


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
