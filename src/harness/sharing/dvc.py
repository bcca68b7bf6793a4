"""One command of DVC's, in a child process, for single files that it tracks."""

import os
import re
import subprocess
import sys
from pathlib import Path

from harness.contract.errors import NotReady

SECONDS = 1800.0  # that a remote may take


def run(root: Path, *arguments: str) -> str:
    """What a command of DVC's prints.

    Raises:
        NotReady: it fails, or takes too long.
    """
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "NETRC": os.devnull}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotReady(f"dvc {arguments[0]} took longer than {SECONDS:.0f} s", command="dvc remote list") from error
    if done.returncode:
        told = done.stderr.partition("ERROR:")[2].partition("\n\n")[0] or done.stderr or done.stdout
        told = re.sub(r"//[^/@\s]+@", "//", " ".join(told.split()))  # a remote's address may hold a password
        raise NotReady(f"dvc {arguments[0]} fails: {told[:300]}", command="dvc doctor, dvc remote list")
    return done.stdout
