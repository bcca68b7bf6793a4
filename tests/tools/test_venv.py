"""`tools/venv.sh` empties no environment but its own."""

import shutil
import subprocess
from pathlib import Path

from tools import lock


def test_the_environment_of_another_checkout_is_left_alone(tmp_path: Path) -> None:
    (project := tmp_path / "project").mkdir()
    (project / "tools").mkdir()
    shutil.copyfile(lock.ROOT / "tools" / "venv.sh", project / "tools" / "venv.sh")
    (project / "requirements.lock").write_text("")
    (other := tmp_path / "other").mkdir()
    (other / "installed").touch()
    (project / ".venv").symlink_to(other)
    done = subprocess.run(
        ["sh", str(project / "tools" / "venv.sh"), "python3"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f".venv is a link to {other}" in done.stderr and "rm .venv && make venv" in done.stderr
    assert (other / "installed").exists()
