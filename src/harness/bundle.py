"""Lay out the code of a project that travels: `python -m harness.bundle ROOT OUT [PROGRAM]`.

A stable door: later versions call it in worktrees of earlier commits, so that each commit says itself what travels.
"""

import re
import sys
from pathlib import Path

from harness.contract import bundle


def main(root: str, out: str, program: str | None = None) -> None:
    """Write the bundle of a program, by default the one that conf/config.yaml selects."""
    if program is None:
        found = re.search(r"(?m)^ +- program: (\w+)", (Path(root) / "conf" / "config.yaml").read_text())
        program = found[1] if found else ""
    bundle.write(bundle.collect(Path(root), program), Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
