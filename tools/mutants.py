"""Break the code in one place at a time and see whether a test notices: `make mutants`.

`python tools/mutants.py [-j N] [--unchecked] [WORD …]`: of tools/mutants.toml those whose id is a WORD, or whose file
or tests have it in their path; all of them without one. N run side by side. A mutant is written into a copy of the
project, never into the project itself; its tests run with `-x` and a limit of time. First each of these tests is run on
the unbroken code, since one that fails there proves nothing; `--unchecked` leaves that out.

Prints a line for each mutant, the survivors, and in the last line everything as JSON. Ends with 1 where less than 95 %
of them were killed.
"""

import argparse
import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tools" / "mutants.toml"
WANTED = 95.0  # percent
SECONDS = 180.0  # that the tests of one mutant may take: many times what they need
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
KILLED, SURVIVED, LATE, UNJUDGED = "killed", "SURVIVED", "killed by time", "NOT JUDGED"
A = TypeVar("A")
B = TypeVar("B")
VENVS = (".venv", "tests/.venv")  # what git ignores, and tests need
# Of pytest's plugins the one that pyproject.toml has settings for: to import all of them takes longer than most tests.
PYTEST = ("-m", "pytest", "-q", "-p", "pytest_timeout", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Mutant:
    """One place of a file with other text, and the tests that should fail then; `harmless` says why they may not."""

    id: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    harmless: str = ""

    def apply(self, text: str) -> str:
        """The text of its file with this fault in it.

        Raises:
            ValueError: what it replaces is not there exactly once.
        """
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.id}: what it replaces stands {count} times in {self.file}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: `by` is the first test that failed, `seconds` what its tests took."""

    mutant: Mutant
    word: str
    by: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.word:14} {self.seconds:6.1f} s  {self.mutant.id}{self.by and '  '}{self.by}"


def read(path: Path = LIST) -> list[Mutant]:
    """The list."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(**{**each, "tests": tuple(each["tests"])}) for each in tables]


def chosen(mutants: Iterable[Mutant], words: Sequence[str]) -> list[Mutant]:
    """Those that the words name; all without a word."""
    return [
        each
        for each in mutants
        if not words or any(word == each.id or any(word in path for path in (each.file, *each.tests)) for word in words)
    ]


class Copy:
    """A copy of the project's files, for one mutant at a time."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.scratch = folder / "project", folder / "tmp"
        self._time = time.time()
        listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        for name in filter(None, listed):
            if os.path.lexists(root / name):  # not one that was removed and not yet committed
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.root / name, follow_symlinks=False)
        for name in VENVS:
            if (root / name).exists():
                (self.root / name).symlink_to((root / name).resolve())
        _git(self.root, "init", "--quiet")
        _git(self.root, "add", "--all")
        _git(self.root, "-c", "user.name=A", "-c", "user.email=a@localhost", "commit", "--quiet", "--message", "copy")

    def judge(self, mutant: Mutant) -> Outcome:
        """Run the mutant's tests with the mutant in the copy."""
        path = self.root / mutant.file
        whole, began = path.read_text(encoding="utf-8"), time.monotonic()
        self._write(path, mutant.apply(whole))
        try:
            code, said = self.test(mutant.tests, "-x")
        finally:
            self._write(path, whole)
        word = {0: SURVIVED, 4: UNJUDGED, 5: UNJUDGED, None: LATE}.get(code, KILLED)
        by = (FAILED.findall(said) or [said.strip().rpartition("\n")[2]])[0] if word in (KILLED, UNJUDGED) else ""
        return Outcome(mutant, word, by, time.monotonic() - began)

    def test(self, tests: Iterable[str], *options: str) -> tuple[int | None, str]:
        """Pytest's exit code, None where it took too long, and what it said."""
        command = [sys.executable, *PYTEST, f"--basetemp={self.scratch}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        # what a test needs and lacks is a failure, not a reason to pass
        environment |= {"CI": "true", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        child = subprocess.Popen(
            [*command, *options, *tests],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            said, _ = child.communicate(timeout=SECONDS if options else None)
        except subprocess.TimeoutExpired:
            return None, ""
        finally:
            assert child.stdout is not None
            child.stdout.close()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            self.end()
            child.wait()
            shutil.rmtree(self.scratch, ignore_errors=True)
        return child.returncode, said

    def _write(self, path: Path, text: str) -> None:
        """Write a file, each time with another time: Python takes compiled code of equal time and size for current."""
        path.write_text(text, encoding="utf-8")
        self._time += 2
        os.utime(path, (self._time, self._time))

    def end(self) -> None:
        """Kill what a broken test left running: its folders are about to go."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self.root.parent}/" in path.read_bytes().decode(errors="replace"):
                    os.kill(int(path.parent.name), signal.SIGKILL)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def copies(count: int) -> Iterator["queue.SimpleQueue[Copy]"]:
    """So many copies of the project, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        every = [Copy(ROOT, Path(folder).resolve() / str(number)) for number in range(count)]
        for copy in every:
            free.put(copy)
        try:
            yield free
        finally:
            for copy in every:  # where this program is ended, tests still run
                copy.end()


def side_by_side(jobs: int, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """What comes of the items, so many at a time; where this program is ended, none of those that wait is begun."""
    pool = ThreadPoolExecutor(jobs)
    try:
        return list(pool.map(work, items))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def failing(free: "queue.SimpleQueue[Copy]", jobs: int, mutants: Sequence[Mutant]) -> dict[str, str]:
    """The tests that fail on the unbroken code, each with the first line that says so."""
    tests = sorted({test for each in mutants for test in each.tests})

    def run(some: list[str]) -> dict[str, str]:
        copy = free.get()
        try:
            code, said = copy.test(some)
        finally:
            free.put(copy)
        failed = FAILED.findall(said) or ([said.strip().rpartition("\n")[2]] if code else [])
        return {test: each for test in some for each in failed if each.startswith(test) or "::" not in each}

    found = side_by_side(jobs, run, [part for at in range(jobs) if (part := tests[at::jobs])])
    return {test: line for some in found for test, line in some.items()}


def judge_all(mutants: Sequence[Mutant], jobs: int, check: bool) -> list[Outcome]:
    """What becomes of each, said as it is known."""
    with copies(jobs) as free:
        broken = failing(free, jobs, mutants) if check else {}
        for test, line in broken.items():
            print(f"{test} fails without any mutant: {line}", flush=True)

        def run(mutant: Mutant) -> Outcome:
            if worthless := [broken[test] for test in mutant.tests if test in broken]:
                outcome = Outcome(mutant, UNJUDGED, worthless[0], 0.0)
            else:
                copy = free.get()
                try:
                    outcome = copy.judge(mutant)
                finally:
                    free.put(copy)
            print(outcome, flush=True)
            return outcome

        return side_by_side(jobs, run, mutants)


def summary(outcomes: Sequence[Outcome], seconds: float) -> dict[str, object]:
    """The numbers, for programs."""
    of = {word: [each.mutant.id for each in outcomes if each.word == word] for word in (SURVIVED, UNJUDGED, LATE)}
    killed = sum(each.word in (KILLED, LATE) for each in outcomes)
    return {
        "mutants": len(outcomes),
        "killed": killed,
        "score": round(100 * killed / len(outcomes), 1),
        "survived": of[SURVIVED],
        "not_judged": of[UNJUDGED],
        "killed_by_time": of[LATE],
        "seconds": round(seconds),
    }


def show(outcomes: Sequence[Outcome]) -> None:
    """The survivors, with the reason why each does no harm where there is one."""
    for each in outcomes:
        mutant = each.mutant
        if each.word == SURVIVED:
            print(f"\n{mutant.id} survived {' '.join(mutant.tests)}\n  {mutant.file}")
            print("\n".join(f"  - {line}" for line in mutant.old.splitlines()))
            print("\n".join(f"  + {line}" for line in mutant.new.splitlines()))
            print(f"  {'harmless: ' + mutant.harmless if mutant.harmless else 'a test is missing'}")
        elif mutant.harmless and each.word == KILLED:
            print(f"\n{mutant.id} is called harmless, but {each.by} fails")


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/mutants.py", description=__doc__.partition("\n")[0])
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="mutants side by side")
    parser.add_argument("--unchecked", action="store_true", help="do not first see the tests pass on the whole code")
    parser.add_argument("words", nargs="*", metavar="WORD", help="an id, or a part of the path of a file or test")
    typed = parser.parse_args(words)
    mutants, began = chosen(read(), typed.words), time.monotonic()
    if not mutants:
        parser.error(f"no mutant of {LIST.relative_to(ROOT)} is called so")
    outcomes = judge_all(mutants, max(1, min(typed.j, len(mutants))), not typed.unchecked)
    show(outcomes)
    numbers = summary(outcomes, time.monotonic() - began)
    print(f"\n{numbers['killed']} of {numbers['mutants']} mutants were killed: {numbers['score']} %")
    print(json.dumps(numbers))
    return 0 if float(str(numbers["score"])) >= WANTED else 1


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)  # the copies go


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(main(sys.argv[1:]))
