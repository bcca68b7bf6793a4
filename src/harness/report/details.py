"""What a run's own page shows beyond its row, and the code of runs that differ in it; as much as a page can hold."""

import base64
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.contract import bundle
from harness.contract.serial import LARGEST, parse
from harness.evidence import comparison
from harness.provenance.credentials import redact, redact_all
from harness.report.table import replaced, texts
from harness.runs import reading
from harness.runs.run_folder import RunFolder

RUNS = 200  # that have details in a file; a server has those of each
SIZE = 3_000_000  # characters of all details
CODE = 3_000_000  # characters of all code
LOG = 20_000  # characters of a log: its end
LARGEST_LOG = 2**26  # bytes of a log that is read at all
PLOT = 400_000  # bytes of a plot
PLOTS = {".svg": "image/svg+xml", ".png": "image/png"}


def of(runs: Mapping[str, tuple[RunFolder, str]]) -> dict[str, Any]:
    """Details of runs, given by id with their folders and the hashes of code and lock, the most wanted first.

    `runs` has by id what its files say, `codes` by those hashes the files of the code by path, as places in `texts`; of
    the lock the versions alone. Code is there where the runs differ in it. What does not fit, or cannot be read, is
    left out.
    """
    found: dict[str, Any] = {}
    said: dict[str, None] = {}
    room = SIZE
    for run_id, (folder, _) in list(runs.items())[:RUNS]:
        with contextlib.suppress(OSError, RecursionError):  # it was removed, or is nested without end
            details, size = _details(folder)
            room -= size
            if room < 0:
                break
            said |= dict.fromkeys(texts(details))
            found[run_id] = details
    codes, files = _codes(runs.values())
    said |= dict.fromkeys(texts(codes))
    clean = dict(zip(said, redact_all(list(said)), strict=True))
    return {"runs": replaced(found, clean), "codes": replaced(codes, clean), "texts": files}


def _details(folder: RunFolder) -> tuple[dict[str, Any], int]:
    details: dict[str, Any] = {}
    size = 0
    for name, path in (("plan", folder.plan), ("record", folder.record), ("verdict", folder.verdict)):
        with contextlib.suppress(OSError, ValueError):
            content = reading.content(path, LARGEST)
            details[name] = parse(content)
            size += len(content)
    details["log"] = _log(folder.log)
    details["plots"] = plots = dict(_plots(folder.path))
    details["files"] = _files(folder.path)
    return details, size + len(details["log"]) + sum(map(len, plots.values()))


def _log(path: Path) -> str:
    """The end of a log, without secrets."""
    with contextlib.suppress(OSError, ValueError), reading.opened(path) as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LOG))
        text = file.read(LOG).decode(errors="replace")
        if size > LOG:
            text = f"…\n{text.partition(chr(10))[2]}"
        return redact(text, log=True)
    return ""


def _plots(folder: Path) -> Iterable[tuple[str, str]]:
    """By name, as addresses that hold them. A plot that is there in both forms is shown as the one that scales."""
    for path in sorted(path for path in folder.iterdir() if path.suffix in PLOTS):
        if path.suffix == ".png" and path.with_suffix(".svg").exists():
            continue
        with contextlib.suppress(OSError, ValueError):
            content = reading.content(path, PLOT)
            if path.suffix == ".svg":
                content = redact(content.decode(errors="replace")).encode()
            yield path.name, f"data:{PLOTS[path.suffix]};base64,{base64.b64encode(content).decode()}"


def _files(folder: Path) -> list[list[Any]]:
    """Names and sizes of what lies in the folder itself."""
    return [
        [f"{path.name}/" if path.is_dir() else path.name, None if path.is_dir() else path.lstat().st_size]
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
    ]


def _codes(runs: Iterable[tuple[RunFolder, str]]) -> tuple[dict[str, dict[str, int]], list[str]]:
    folders: dict[str, RunFolder] = {}
    for folder, code in runs:
        if code not in folders or not folders[code].code.exists():
            folders[code] = folder
    codes: dict[str, dict[str, int]] = {}
    places: dict[str, int] = {}
    room = CODE
    for code, folder in folders.items() if len(folders) > 1 else ():
        with contextlib.suppress(OSError, ValueError):
            contents = reading.code(folder.code)
            libraries = comparison.pins(contents.pop(bundle.LOCK))
            files = {name: content.decode(errors="replace") for name, content in contents.items()}
            files[bundle.LOCK] = "".join(f"{name}=={version}\n" for name, version in sorted(libraries.items()))
            room -= sum(len(text) for text in set(files.values()) - places.keys())
            if room < 0:
                continue
            codes[code] = {name: places.setdefault(text, len(places)) for name, text in files.items()}
    return codes, [redact(text, log=True) for text in places]
