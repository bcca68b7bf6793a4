"""Show what a run is worth, in a minute and without network: `make demo`.

    python tools/demo.py            the runs go to runs/demo
    python tools/demo.py FOLDER     or there

Trains a small model, changes one thing, replays, compares, exports, writes the report. Each step is a command that
works as it is shown.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from rich.console import Console  # noqa: E402

from harness import console  # noqa: E402
from harness.runs import run_folder  # noqa: E402

TRAINED = ["mode=local", "mode.runner=process", "program=reviews", "learning_rate=0.0005"]


@dataclass(frozen=True)
class Step:
    """A command of the demonstration: why it is typed, its words, and the exit codes that are right."""

    why: str
    words: tuple[str, ...]
    exits: tuple[int, ...] = (0,)


def steps(runs: str) -> Iterator[Step]:
    """The steps, each made when those before it have been taken; `runs` is the folder of the runs."""
    folder = f"runs_folder={runs}"

    def newest() -> str:
        return run_folder.last(ROOT / runs) or ""

    yield Step(
        "Train. The run leaves plan.json (what should happen), record.json (what did), its code, its curve, its model.",
        ("src/train.py", *TRAINED, folder),
    )
    first = newest()
    yield Step(
        "Change one thing and train again. Any setting is a word; a wrong one is one line that says what is legal.",
        ("src/train.py", *TRAINED[:-1], "learning_rate=0.001", folder),
    )
    second = newest()
    yield Step(
        "Replay the first run from its plan: the same code on the same data in a new process. Are the bits the same?",
        ("src/replay.py", first, folder),
    )
    yield Step(
        "Replay it with another seed: a result that does not follow from the plan is told apart, and the reason named.",
        ("src/replay.py", first, "seed=1", folder),
        (1,),
    )
    yield Step(
        "Compare. What differs comes first: settings, data, code, environment, results, and whether that is noise.",
        ("src/compare.py", first, second, folder),
    )
    yield Step(
        "Export. One file, with which somebody else can replay the run: python src/replay.py FILE, in a clone of this.",
        ("src/export.py", first, folder, f"output={runs}/{first}.zip"),
    )
    yield Step(
        "Report. One page of all runs: sort, filter, hide, curves, parallel coordinates; send it to anybody.",
        ("src/report.py", folder),
    )


def main(runs: str) -> int:
    """Take the steps in turn; exit code 1 where one did not end as it should."""
    since, number = time.monotonic(), 0
    environment = {**os.environ, "COMET_API_KEY": ""}
    for number, step in enumerate(steps(runs), 1):
        emphasise(f"\n{number}. {step.why}")
        emphasise(f"$ python {shlex.join(step.words)}\n")
        command = [sys.executable, *step.words]
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if code not in step.exits:
            console.complain(f"error: that ended with exit code {code}, where {step.exits[0]} is right")
            return 1
    page = ROOT / runs / "report.html"
    emphasise(f"\n{number} steps in {console.duration(time.monotonic() - since)}. Your turn:")
    console.say("  python src/new.py mine like=command && python src/prove.py program=mine    # a script of your own")
    console.say("  make train                                                                 # a ResNet on CIFAR-10")
    console.say(f"  open {page}")
    if sys.stdout.isatty() and (sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)):
        webbrowser.open(page.as_uri())
    return 0


def emphasise(line: str) -> None:
    """Say a line, bold at a terminal."""
    Console().print(line, style="bold", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="runs/demo", help="where the runs go (runs/demo)")
    arguments = parser.parse_args()
    sys.exit(console.main(lambda: main(arguments.folder)))
