"""What the report takes: a JSON line by the number of runs, 1,000, 5,000 and 20,000 generated ones.

    python benchmarks/report.py             and with the first of them the newest 10 of runs/
    python benchmarks/report.py RUNS        or of another folder

`cold_s` is gathering them without an index, `warm_s` with one, in a process that runs already; `mb` the size of the
file. In headless Chromium `first_chart_s` is from the beginning of the navigation until the learning curves are drawn;
`filter_ms` from a key until every chart on a screen of 1280 x 800 and the table show the filter's runs. `fifty_s` is
`python src/report.py` on 50 runs that an index knows. `warm_s`, `first_chart_s`, `filter_ms` and `fifty_s` are
[least, median] of several. `cold_cpu_s` and `warm_cpu_s` (the least) are seconds of a core, of all processes together:
on a machine that others use, too, they tell more. `load` is how many programs wanted a core meanwhile.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from benchmarks import generated_runs  # noqa: E402
from harness.report import gather, page  # noqa: E402

SIZES, REAL, GATHERED, OPENED, FILTERED, FIFTY = (1000, 5000, 20_000), 10, 3, 3, 10, 5
FILTERS = ("test_accuracy > 0.75 and resnet_size < 50", "")
SETTLED = 3.0  # seconds after which the index keeps what was written


def main(runs: list[str]) -> None:
    measured: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for size in SIZES:
            real = [path.parent for name in runs for path in sorted(Path(name).glob("*/record.json"))[-REAL:]]
            folder = Path(scratch, str(size))
            measured[str(size)] = of(folder, size, real if size == SIZES[0] else [])
            shutil.rmtree(folder)
        measured["fifty_s"] = fifty(Path(scratch))
    print(json.dumps(measured))


def of(folder: Path, size: int, real: list[Path]) -> dict[str, object]:
    """What a report of so many runs takes."""
    generated_runs.leave(folder / "runs", size)
    for each in real:
        left_out = shutil.ignore_patterns("code", "checkpoints", "comet")
        shutil.copytree(each, folder / "runs" / each.name, ignore=left_out)
    (folder / "unpacked").mkdir()
    time.sleep(SETTLED)
    seconds, cores = [], []
    for _ in range(1 + GATHERED):
        began, used = time.perf_counter(), sum(os.times()[:4])
        table = gather.table(folder / "runs", [], folder / "unpacked")
        seconds.append(time.perf_counter() - began)
        cores.append(sum(os.times()[:4]) - used)
    html = page.assemble(table, live=False)
    (folder / "report.html").write_text(html)
    first, filtered = shown(folder / "report.html")
    return {
        "real": len(real),
        "cold_s": round(seconds[0], 1),
        "cold_cpu_s": round(cores[0], 1),
        "warm_s": least_median(seconds[1:], 2),
        "warm_cpu_s": round(min(cores[1:]), 2),
        "mb": round(len(html.encode()) / 1e6, 2),
        "first_chart_s": least_median(first, 2),
        "filter_ms": least_median(filtered, 0),
        "load": round(os.getloadavg()[1], 1),
    }


def shown(report: Path) -> tuple[list[float], list[float]]:
    """Seconds until the first chart, and milliseconds of a filter, each time."""
    from playwright.sync_api import sync_playwright

    first, filtered = [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(OPENED):
            opened = browser.new_page(viewport={"width": 1280, "height": 800})
            opened.goto(report.as_uri())
            while not opened.evaluate("performance.getEntriesByName('first-chart').length"):
                opened.wait_for_timeout(20)
            first.append(opened.evaluate("performance.getEntriesByName('first-chart')[0].startTime") / 1000)
            opened.wait_for_timeout(1000)
            for number in range(FILTERED):
                opened.fill("#filter", FILTERS[number % len(FILTERS)])
                filtered.append(opened.evaluate("performance.getEntriesByName('filtering').at(-1).duration"))
            opened.close()
        browser.close()
    return first, filtered


def fifty(scratch: Path) -> list[float]:
    """Seconds of the verb on 50 runs."""
    generated_runs.leave(scratch / "fifty", 50)
    time.sleep(SETTLED)
    seconds = []
    for _ in range(1 + FIFTY):
        began = time.perf_counter()
        command = [sys.executable, "src/report.py", f"runs_folder={scratch / 'fifty'}"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return least_median(seconds[1:], 2)


def least_median(values: list[float], digits: int) -> list[float]:
    return [round(each, digits) for each in (min(values), statistics.median(values))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=[str(ROOT / "runs")], help="folders of runs")
    main(parser.parse_args().runs)
