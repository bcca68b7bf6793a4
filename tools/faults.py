"""Kill and disturb runs, replays, sweeps, exports and syncs of the tiny program at random moments: `make faults`.

`python tools/faults.py [COUNT [SEED]]` prints a table of what was done and how often the project did not behave, and
ends with 1 if it did not once. Behaving means: no traceback; a run that began has a record, unless its program got
SIGKILL or its folder was removed; a completed run is whole; what was said of what is left behind is true; an archive is
whole or not there; afterwards report and run go on as if nothing had been, and no process is left.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.support.projects import make_project  # noqa: E402

SIDE_BY_SIDE = 6
TINY = (
    "program=tiny",
    "mode.threads=1",
    "mode.runner=process",
    "epochs=4",
    "pause=0.05",
    "mode.checkpoint_seconds=0.1",
)
VERBS = {  # what is typed, and how many of 20 faults it gets
    "run": (("train", *TINY), 8),
    "replay": (("replay", "last", "mode.runner=process"), 4),
    "sweep": (("train", "-m", *TINY, "seed=1,2"), 3),
    "export": (("export", "last", "output=last.zip"), 3),
    "sync": (("sync",), 2),
}
FAULTS = ("SIGKILL", "SIGINT", "SIGTERM", "worker SIGKILL", "reader leaves", "output full", "folder removed")
OF_RUNS = ("worker SIGKILL", "folder removed")
PLAIN = {"COMET_API_KEY": "", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass
class Place:
    """A copy of the project, for one case at a time."""

    project: Path
    lasts: dict[str, float] = field(default_factory=dict)  # seconds that an undisturbed command takes

    @property
    def runs(self) -> set[Path]:
        """The folders of runs."""
        return {path for path in (self.project / "runs").iterdir() if path.name[:1] == "2"}

    def begin(self, words: tuple[str, ...], output: int) -> "subprocess.Popen[str]":
        """Type a command."""
        command = [sys.executable, f"{self.project}/src/{words[0]}.py", *words[1:]]
        environment = {**os.environ, **PLAIN}
        if words[0] == "sync":
            environment |= {"COMET_API_KEY": "k" * 25, "COMET_URL_OVERRIDE": "http://127.0.0.1:9/clientlib/"}
        return subprocess.Popen(
            command,
            cwd=self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def processes(self, word: str = "") -> list[int]:
        """What runs with this project, and this word, in its command line."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().decode(errors="replace")
                if f"{self.project}/" in words and word in words and int(path.parent.name) != os.getpid():
                    found.append(int(path.parent.name))
        return found


def case(place: Place, verb: str, fault: str, share: float) -> list[str]:
    """Do a fault at a share of the command's time; what did not behave."""
    words, before = VERBS[verb][0], place.runs
    archive = place.project / "last.zip"
    archive.unlink(missing_ok=True)
    moment = share * place.lasts[verb]
    with opened(fault) as output:
        child = place.begin(words, output)
        removed = act(place, child, fault, moment, before)
        errors = child.communicate(timeout=180)[1]
    new = place.runs - before
    own = fault != "SIGINT" or "/src/harness/" in errors  # else Python itself was still starting
    wrong = [f"traceback: {errors.strip().splitlines()[-1][:150]}"] if "Traceback" in errors and own else []
    killed = fault == "SIGKILL"
    for run in new - removed:
        wrong += whole(run, excused=killed)
    if "nothing is left behind" in errors and new:
        wrong.append("something is left behind")
    if fault in ("reader leaves", "output full") and child.returncode != (1 if verb == "sync" else 0):
        wrong.append(f"exit code {child.returncode}: {errors.strip()[-150:]}")
    if verb == "export" and archive.exists():
        with zipfile.ZipFile(archive) as packed:
            wrong += ["a torn archive"] if packed.testzip() else []
    for state in (place.project / "runs").glob("*/comet/state.json"):
        json.loads(state.read_text())
    if wrong:
        wrong.append(f"it ended with {child.returncode}")
    quiet(place, 30.0)  # what outlives a killed program may still write
    for run in place.runs - before:
        shutil.rmtree(run, ignore_errors=True)
    return wrong


def quiet(place: Place, seconds: float) -> bool:
    """Wait until nothing runs in the project any more; whether that came to pass."""
    end = time.monotonic() + seconds
    while place.processes() and time.monotonic() < end:
        time.sleep(0.2)
    return not place.processes()


@contextlib.contextmanager
def opened(fault: str) -> Iterator[int]:
    """Where a command prints to."""
    if fault == "reader leaves":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full" if fault == "output full" else os.devnull, os.O_WRONLY)
    try:
        yield writer
    finally:
        os.close(writer)


def act(place: Place, child: "subprocess.Popen[str]", fault: str, moment: float, before: set[Path]) -> set[Path]:
    """Do it; the run folders that were removed."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(moment)
    if fault.startswith("SIG"):
        child.send_signal(signal.Signals[fault])
    elif fault == "worker SIGKILL":
        for number in place.processes("harness.worker"):
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
    elif fault == "folder removed" and child.poll() is None:
        new = place.runs - before
        for run in new:
            shutil.rmtree(run, ignore_errors=True)
        return new
    return set()


def whole(run: Path, excused: bool) -> list[str]:
    """What is wrong with a run that is over."""
    if not (run / "record.json").exists():
        return [] if excused else ["a run without a record"]
    status = json.loads((run / "record.json").read_text())["status"]
    missing = [name for name in ("model.npy", "metrics.csv", "log.txt") if not (run / name).exists()]
    wrong = [f"completed without {missing}"] if status == "completed" and missing else []
    if status == "completed" and not excused and not (run / "comet" / "state.json").exists():
        wrong.append("completed without comet/state.json")
    return wrong


def prepare(folder: Path) -> Place:
    """A project with one run, and the time that each command takes."""
    place = Place(make_project(folder))
    (place.project / "runs").mkdir()
    for verb, (words, _) in {"first": VERBS["run"], **VERBS}.items():
        first, began = place.runs, time.monotonic()
        with (folder.parent / f"{folder.name}.txt").open("w+") as output:
            child = place.begin(words, output.fileno())
            errors = child.communicate(timeout=300)[1]
            output.seek(0)
            said = output.read()
        place.lasts[verb] = time.monotonic() - began
        if child.returncode != (1 if verb == "sync" else 0):
            raise SystemExit(f"{verb} ended with {child.returncode} undisturbed: {said}{errors}")
        for run in place.runs - first if first else ():
            shutil.rmtree(run)
    return place


def plan(count: int, chance: random.Random) -> list[tuple[str, str, float]]:
    """Verb, fault and moment of each case."""
    cases = []
    for verb, (_, parts) in VERBS.items():
        faults = [each for each in FAULTS if each not in OF_RUNS or verb in ("run", "replay", "sweep")]
        cases += [(verb, faults[at % len(faults)], chance.random()) for at in range(count * parts // 20)]
    return cases


def afterwards(place: Place) -> list[str]:
    """Whether all goes on."""
    wrong = [] if quiet(place, 90.0) else ["a process is left"]
    for words in (("report",), ("train", *TINY)):
        with opened("") as output:
            child = place.begin(words, output)
            errors = child.communicate(timeout=300)[1]
        wrong += [f"{words[0]} afterwards: {errors.strip()[-150:]}"] if child.returncode else []
    return wrong


def main(count: int, seed: int) -> int:
    """Do them all, side by side; print the table."""
    cases, total, bad = plan(count, random.Random(seed)), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(prefix="disturbed-") as scratch, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        places = list(pool.map(lambda at: prepare(Path(scratch) / str(at)), range(SIDE_BY_SIDE)))

        def work(at: int) -> None:
            for verb, fault, share in cases[at::SIDE_BY_SIDE]:
                wrong = case(places[at], verb, fault, share)
                total[verb, fault] += 1
                bad[verb, fault] += bool(wrong)
                reasons.extend(f"{verb}, {fault} at {share:.2f}: {each}" for each in wrong)
                if wrong or not total.total() % 20:
                    print(f"{total.total()} of {len(cases)}" + (f": {reasons[-1]}" if wrong else ""), flush=True)

        list(pool.map(work, range(SIDE_BY_SIDE)))
        for wrong in pool.map(afterwards, places):
            reasons += wrong
    print(f"{'':16}" + "".join(f"{verb:>10}" for verb in VERBS))
    for fault in FAULTS:
        cells = [f"{bad[verb, fault]}/{total[verb, fault]}" if total[verb, fault] else "-" for verb in VERBS]
        print(f"{fault:16}" + "".join(f"{cell:>10}" for cell in cells))
    print("\n".join([f"{sum(bad.values())} of {total.total()} did not behave", *reasons]))
    return 1 if reasons else 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("count", type=int, nargs="?", default=200, metavar="COUNT")
    options.add_argument("seed", type=int, nargs="?", default=0, metavar="SEED")
    asked = options.parse_args()
    sys.exit(main(asked.count, asked.seed))
