"""Make the environment of a program's own lock, as its first run would: python tools/environment.py PROGRAM LINK.

LINK becomes a link to it.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from harness import console  # noqa: E402
from harness.contract import bundle  # noqa: E402
from harness.launch import environments  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the environment of a program's own lock.")
    parser.add_argument("program", help="a folder of src/programs")
    parser.add_argument("link", type=Path, help="what becomes a link to the environment")
    args = parser.parse_args()
    python = environments.interpreter(ROOT, bundle.lock(ROOT, args.program).read_bytes(), console.say)
    folder = python.parent.parent
    if args.link.is_dir() and not args.link.is_symlink():
        shutil.rmtree(args.link)  # an environment of earlier versions
    args.link.unlink(missing_ok=True)
    args.link.symlink_to(os.path.relpath(folder, args.link.parent))
    console.say(f"Environment: {args.link} is ready, in {os.path.relpath(folder, ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(console.main(main))
