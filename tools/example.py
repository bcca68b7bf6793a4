"""Write docs/example/ from a run of the demonstration in a clone of the commit: `make example`.

It holds what a run can be checked by (run.zip), what a check came to (verdict.json), what was seen of both at the
terminal (terminal.txt) and on the page (report.png).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from harness import console  # noqa: E402
from harness.contract.errors import NotReady  # noqa: E402
from harness.evidence.verdict import IDENTICAL  # noqa: E402
from harness.report.notebook import load  # noqa: E402

EXAMPLE = ROOT / "docs" / "example"
RUNS = "runs/demo"


def main() -> int:
    """Run the demonstration on the code of HEAD, and keep what it left."""
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, check=True).stdout:
        raise NotReady("the example is of a commit, and there are changes", command="git commit")
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch, "harness")
        for words in (
            ("clone", "--quiet", str(ROOT), str(clone)),
            ("-C", str(clone), "remote", "remove", "origin"),
            ("-C", str(clone), "checkout", "--quiet", "-B", "main"),
        ):
            subprocess.run(["git", *words], check=True)
        command = [sys.executable, "tools/demo.py", RUNS]
        environment = {**os.environ, "COLUMNS": "120"}
        shown = subprocess.run(
            command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        runs = load(clone / RUNS)
        (verdict,) = (run.stored.folder.verdict for run in runs if run.verdict and run.verdict.verdict == IDENTICAL)
        EXAMPLE.mkdir(exist_ok=True)
        (EXAMPLE / "terminal.txt").write_text(shown.replace(f"{clone}/", "").lstrip())
        shutil.copy(verdict, EXAMPLE / "verdict.json")
        shutil.copy(clone / RUNS / f"{runs[0].id}.zip", EXAMPLE / "run.zip")
        photograph(clone / RUNS / "report.html", EXAMPLE / "report.png")
    for path in sorted(EXAMPLE.iterdir()):
        console.say(f"written   {path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
    console.say("type      make figures, which draws the terminal of the README")
    return 0


def photograph(page: Path, target: Path) -> None:
    """The first screen of a report."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1000, "height": 760})
        shown.goto(page.as_uri())
        shown.wait_for_function("performance.getEntriesByName('first-chart').length > 0")
        shown.wait_for_timeout(2000)  # the charts below follow while the browser idles
        shown.screenshot(path=target)
        browser.close()


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    sys.exit(console.main(main))
