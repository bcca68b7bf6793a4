"""The runs that a report is about."""

import functools
from pathlib import Path
from typing import Any

from harness.report import rows
from harness.report.table import Differences, build
from harness.runs import index, run_folder
from harness.runs.index import Index
from harness.settings import conf
from harness.sharing import find


@index.uncollected()
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
        if not names or ("plan.json" not in _listed(path) and run_folder.ids(path)):
            several = list(Index(path, rows.KIND).facts().values())
        else:
            (scratch / str(number)).mkdir()
            several = [rows.row_of(find.find(runs, name, scratch / str(number)))]
        unreadable += [each for each in several if isinstance(each, str)]
        by_id |= {str(each.cells["run"]): each for each in several if not isinstance(each, str)}
    return build([by_id[run_id] for run_id in sorted(by_id)], unreadable, differences)


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
