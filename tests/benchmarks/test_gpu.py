"""benchmarks/gpu.py, small, on whatever processor is here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.long
def test_its_parts_leave_their_findings_and_a_killed_one_resumes_to_the_same_bits(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/gpu.py", "--small", "--out", str(tmp_path / "found.jsonl"), "--jobs", "2"]
    done = subprocess.run([*command, "loop/*", "resume/*"], cwd=ROOT, capture_output=True, text=True, check=True)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["same_bits"] == {"loop/8/32/float32/True": True}
    assert min(last["parts"]["loop/8/32/float32"]["images_per_second"]) > 0
    written = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert written[-1] == last
    assert {"import_s", "build_s", "first_s"} <= written[-2].keys()
    assert [line["part"] for line in written if line.get("done")].count("resume/8/32/float32") == 1


def test_a_part_can_be_named_that_is_not_among_those_that_run_by_themselves() -> None:
    listed = [sys.executable, "benchmarks/gpu.py", "--list", "xla/20/128/float32/nchw+graphs#2", "torch/50/*"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["xla/20/128/float32/nchw+graphs#2", "torch/50/128/bfloat16", "torch/50/512/bfloat16"]
