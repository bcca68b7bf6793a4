"""Every script beside the verbs says what it is for, and does nothing, where it is asked with --help."""

import subprocess
import sys

import pytest

from harness.settings.project import ROOT

PEERS = ("torch_peer.py", "torch_gpu_peer.py")  # of another environment; benchmarks start them
SCRIPTS = [
    path
    for path in sorted([*ROOT.glob("tools/*.py"), *ROOT.glob("benchmarks/*.py")])
    if path.name not in PEERS and '__name__ == "__main__"' in path.read_text()
]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_script_says_what_it_is_for(path):
    done = subprocess.run([sys.executable, path, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    usage, about, *_ = done.stdout.split("\n\n")
    assert usage.startswith("usage: ") and len(about.split()) >= 5
