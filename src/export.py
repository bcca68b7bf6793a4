"""Write one archive of a run, which replay.py, compare.py and report.py take on any machine.

    python src/export.py RUN                    RUN_ID.zip in this folder: a run's id or folder, or `last`
    python src/export.py RUN model=true         the trained model too
    python src/export.py RUN output=PATH.zip license=https://spdx.org/licenses/MIT

The archive is an RO-Crate (ro-crate-metadata.json inside). Exit code 2 where the run cannot be exported.
"""

import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.errors import SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Config

OWN = ("model", "output", "license")


def export(names: list[str], own: dict[str, str], settings: Config) -> int:
    """Pack the run that is named."""
    if len(names) != 1:
        raise SettingError("export.py takes one run", legal="one name", command="python src/export.py RUN")
    if own.get("model", "false") not in ("true", "false"):
        command = f"python src/export.py {names[0]} model=true"
        raise SettingError(f"model={own['model']}", legal="true | false", command=command)
    from harness.sharing import find, run_archive

    with tempfile.TemporaryDirectory() as scratch:
        found = find.find(ROOT / settings.runs_folder, names[0], Path(scratch))
        content = run_archive.pack(found, ROOT, own.get("model") == "true", own.get("license", ""))
    target = Path(own.get("output") or f"{found.run_id}.zip")
    run_archive.save(content, target)
    console.say(f"exported  {found.run_id}: {len(content) / 1e6:.1f} MB")
    console.say(f"again     python src/replay.py {target}")
    return 0


if __name__ == "__main__":
    own = dict(each.split("=", 1) for each in sys.argv[1:] if each.partition("=")[0] in OWN and "=" in each)
    named = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = [each for each in sys.argv[1:] if each not in named and each.partition("=")[0] not in OWN]
    sys.exit(console.main(lambda: compose.run(lambda settings: export(named, own, settings))))
