"""Write all runs into one HTML file that needs nothing else, or show it while runs go on.

    python src/report.py                           RUNS_FOLDER/report.html, from all runs
    python src/report.py RUN RUN… output=PATH      from these: ids, folders of runs, exported or Comet archives
    python src/report.py serve                     on loopback, up to date; port=8765

Exit code 2 where a name or a setting is wrong.
"""

import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.errors import SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config

OWN = ("output", "port")


def report(names: list[str], own: dict[str, str], settings: Config) -> int:
    """Gather the runs, write the page; or serve it."""
    from harness.report import gather, page, serve

    runs = ROOT / settings.runs_folder
    if names[:1] == ["serve"]:
        port = own.get("port", "8765")
        if len(names) > 1 or not port.isdecimal():
            raise SettingError(
                f"serve {' '.join(names[1:])} port={port}",
                legal="no runs, and a number",
                command="python src/report.py serve port=8765",
            )
        serve.forever(runs, int(port), console.say, gather.differences(ROOT))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        table = gather.table(runs, names, Path(scratch), gather.differences(ROOT))
    for line in table["unreadable"]:
        console.say(f"left out  {line}")
    target = Path(own.get("output") or runs / "report.html")
    page.write(target, page.assemble(table, live=False))
    console.say(f"report    {target}: {len(table['curves'])} runs, {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    own = dict(each.split("=", 1) for each in sys.argv[1:] if each.partition("=")[0] in OWN and "=" in each)
    named = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = [each for each in sys.argv[1:] if each not in named and each.partition("=")[0] not in OWN]
    sys.exit(console.main(lambda: compose.run(lambda settings: report(named, own, settings))))
