"""The version of the data that a .dvc file pins."""

from harness.contract.errors import NotReady
from harness.contract.errors import DataError
from pathlib import Path
import re
import shutil
import subprocess


DOCUMENT = "data.dvc"


def pinned(root: Path) -> str:
    """The directory hash in data.dvc.

    Raises:
        DataError: data.dvc is absent, unreadable, or does not pin the folder data.
    """
    import yaml

    try:
        (out,) = yaml.safe_load((root / DOCUMENT).read_text())["outs"]
        pin, path = out["md5"], out["path"]
    except FileNotFoundError as error:
        raise DataError(f"{DOCUMENT} is missing", command=f"git checkout -- {DOCUMENT}") from error
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise DataError(f"{DOCUMENT} cannot be read", command=f"git checkout -- {DOCUMENT}") from error
    if path != "data" or not isinstance(pin, str) or len(pin) != 36 or not pin.endswith(".dir"):
        raise DataError(f"{DOCUMENT} does not pin the folder data", command=f"git checkout -- {DOCUMENT}")
    return pin


def pinned_at(root: Path, revision: str) -> str:
    """The directory hash in data.dvc as of a commit, branch or tag.

    Raises:
        NotReady: git does not have it there.
    """
    command = ["git", "-C", str(root), "show", f"{revision}:./{DOCUMENT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("git") else None
    found = re.search(r"(?m)^\s*-?\s*md5: ([0-9a-f]{32}\.dir)$", done.stdout) if done and not done.returncode else None
    if found is None or revision.startswith("-"):
        raise NotReady(
            f"{revision} has no {DOCUMENT}", legal="a commit, branch or tag", command=f"git log {DOCUMENT}"
        )
    return found[1]
