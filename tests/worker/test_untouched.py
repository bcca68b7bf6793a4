"""A script's own folder and its data are the same after it as before."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contract.errors import RunFailed
from harness.worker import untouched


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda folder: (folder / "code" / "home" / "train.py").write_text("other"), "into its own folder: train.py"),
        (lambda folder: (folder / "code" / "home" / "new.txt").write_text("new"), "into its own folder: new.txt"),
        (lambda folder: (folder / "code" / "home" / "train.py").unlink(), "into its own folder: train.py"),
        (lambda folder: (folder / "code" / "new.txt").write_text("new"), "into the code: new.txt"),
        (lambda folder: (folder / "data" / "batch").write_text("other bytes"), "into the data: batch"),
        (lambda folder: (folder / "data" / "more").write_text("x"), "into the data: more"),
    ],
    ids=["changed", "added", "removed", "beside", "data changed", "data added"],
)
def test_what_a_script_writes_where_it_must_not_is_named(
    tmp_path: Path, change: Callable[[Path], object], complaint: str
) -> None:
    code, home, data = (tmp_path / name for name in ("code", "code/home", "data"))
    for folder in (code, home, data):
        folder.mkdir()
    (home / "train.py").write_text("code")
    (data / "batch").write_text("bytes")
    with untouched.checked(code, home, data, "train.py"):
        (home / "__pycache__").mkdir()
        (home / "__pycache__" / "train.pyc").write_text("what Python leaves")
    with (
        pytest.raises(RunFailed, match=complaint),
        untouched.checked(code, home, data, "train.py"),
    ):
        change(tmp_path)
