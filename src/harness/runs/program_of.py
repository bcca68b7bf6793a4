"""Which program a named run trained, as far as that can be told quickly: settings are composed for that program."""

import contextlib
from pathlib import Path



def program_of(runs: Path, name: str) -> str | None:
    """The program of a run by folder, id, beginning of an id, `last`, archive or plan.json; None where that is unknown.

    Whatever is wrong with the name is for whoever opens the run to say.
    """
    # Imported here: every verb knows this function, few are given a name, and a mistake should not wait.
    from harness.contract import legal
    from harness.contract.serial import parse
    from harness.runs import schema1, unpack

    with contextlib.suppress(*unpack.DAMAGED):
        raw = schema1.upgrade_plan(parse(_plan(runs, name)))
        program = raw["experiment"]["program"]
        return program if legal.PROGRAM.test(program) else None
    return None


def _plan(runs: Path, name: str) -> bytes:
    from harness.contract.serial import LARGEST
    from harness.runs import reading, run_folder, unpack

    path = Path(name)
    if path.is_file() and path.suffix == ".zip":
        with unpack.opened(path) as archive:
            return archive.read("plan.json", LARGEST)
    if path.is_file():
        return reading.content(path, LARGEST)
    if not name or not (path / "plan.json").exists():
        known = run_folder.ids(runs)
        last = run_folder.last(runs) if name == "last" else None
        path = runs / (last or [each for each in known if name and each.startswith(name)][-1])
    return reading.content(path / "plan.json", LARGEST)
