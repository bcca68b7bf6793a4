"""Lay out the code of a project that travels: `python -m harness.bundle ROOT OUT [PROGRAM]`.

A stable door: later versions call it in worktrees of earlier commits, so that each commit says itself what travels.
"""

import sys
from pathlib import Path

from harness.contract import bundle

if __name__ == "__main__":
    root, out, program = Path(sys.argv[1]), Path(sys.argv[2]), (*sys.argv[3:], "cifar10")[0]
    bundle.write(bundle.collect(root, program), out)
