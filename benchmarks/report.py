"""What the report takes, in headless Chromium: a JSON line with the file's MB, the first chart and a filter.

    python benchmarks/report.py             1,000 generated runs and the newest 10 of runs/
    python benchmarks/report.py RUNS        and the newest 10 of another folder

`first_chart_s` is from the beginning of the navigation until the learning curves are drawn; `filter_ms` from a key
until every chart on a screen of 1280 x 800 and the table show the filter's runs. Each is [least, median] of several.
"""

import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from benchmarks import generated_runs  # noqa: E402
from harness.report import gather, page  # noqa: E402

GENERATED, REAL, OPENED, FILTERED = 1000, 10, 5, 10
FILTERS = ("test_accuracy > 0.75 and resnet_size < 50", "")


def main(runs: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as play:
        folder = Path(scratch)
        generated_runs.leave(folder / "runs", GENERATED)
        real = [path.parent for name in runs for path in sorted(Path(name).glob("*/record.json"))[-REAL:]]
        for each in real:
            shutil.copytree(
                each, folder / "runs" / each.name, ignore=shutil.ignore_patterns("code", "checkpoints", "comet")
            )
        (folder / "unpacked").mkdir()
        html = page.assemble(gather.table(folder / "runs", [], folder / "unpacked"), live=False)
        (folder / "report.html").write_text(html)
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        first, filtered = [], []
        for _ in range(OPENED):
            shown = browser.new_page(viewport={"width": 1280, "height": 800})
            shown.goto((folder / "report.html").as_uri())
            while not shown.evaluate("performance.getEntriesByName('first-chart').length"):
                shown.wait_for_timeout(20)
            first.append(shown.evaluate("performance.getEntriesByName('first-chart')[0].startTime") / 1000)
            shown.wait_for_timeout(1000)
            for number in range(FILTERED):
                shown.fill("#filter", FILTERS[number % len(FILTERS)])
                filtered.append(shown.evaluate("performance.getEntriesByName('filtering').at(-1).duration"))
            shown.close()
        browser.close()
    size = round(len(html.encode()) / 1e6, 2)
    measured: dict[str, float | list[float]] = {"mb": size, "generated": GENERATED, "real": len(real)}
    for name, values, digits in (("first_chart_s", first, 2), ("filter_ms", filtered, 0)):
        measured[name] = [round(each, digits) for each in (min(values), statistics.median(values))]
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:] or [str(ROOT / "runs")])
