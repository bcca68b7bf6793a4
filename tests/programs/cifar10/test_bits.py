"""Trainings end with the weights that the code of REFERENCE gives, to the bit.

golden.json holds those weights for the environments that they were measured in. In any other, and wherever they differ,
golden.py measures REFERENCE's own code here: another processor may add in another order, and so may another TensorFlow.
"""

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.support.lacking import lacking

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
REFERENCE = "c41321cbb9b26af35324157314f3019703d16a56"  # the last commit before the code was taken apart
CASES = (  # named here too: none may go missing
    "resnet8 v1",
    "resnet8 v1, resumed",
    "resnet8 v1, bfloat16",
    "resnet8 v1, muon",
    "resnet20 v1",
    "resnet20 v2",
    "resnet8 v1, two workers",
)
pytestmark = [
    pytest.mark.long,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]  # seven trainings, and as many again for a reference


def measure(source: Path, out: Path) -> dict[str, Any]:
    """What golden.py finds of the code in the folder `source`."""
    command = [sys.executable, str(HERE / "golden.py"), str(out), *CASES]
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=out.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    assert Path(found["source"]).is_relative_to(source.resolve())
    assert tuple(found["cases"]) == CASES
    return found


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return measure(ROOT / "src", tmp_path_factory.mktemp("bits") / "now.json")


@pytest.fixture(scope="module")
def stored(measured: dict[str, Any]) -> dict[str, Any]:
    """golden.json's cases for this environment; none where it, or what is trained, is another."""
    golden = json.loads((HERE / "golden.json").read_text())
    if (golden["data"], golden["settings"]) != (measured["data"], measured["settings"]):
        return {}
    cases: dict[str, Any] = golden["cases"].get(measured["key"], {})
    return cases


class Reference:
    """REFERENCE's cases as they come out here, measured when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: dict[str, Any] | None = None
        wanted = ["git", "-C", str(ROOT), "cat-file", "-e", f"{REFERENCE}^{{commit}}"]
        self.known = subprocess.run(wanted, capture_output=True, check=False).returncode == 0

    def case(self, name: str) -> dict[str, Any]:
        if self.found is None:
            # not a worktree: that would write into the repository, and stay there where the test is killed
            archive = ["git", "-C", str(ROOT), "archive", REFERENCE, "src"]
            packed = subprocess.run(archive, capture_output=True, check=True).stdout
            with tarfile.open(fileobj=BytesIO(packed)) as tar:
                tar.extractall(self.folder, filter="data")
            self.found = measure(self.folder / "src", self.folder / "reference.json")
        found: dict[str, Any] = self.found["cases"][name]
        return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(tmp_path_factory.mktemp("reference"))


@pytest.mark.parametrize("case", CASES)
def test_the_weights_are_those_of_the_reference(case: str, measured: Any, stored: Any, reference: Reference) -> None:
    found = measured["cases"][case]
    if case in stored and all(found[name] == value for name, value in stored[case].items()):
        return
    if not reference.known:
        why = f"{REFERENCE[:7]} is not in the history (a shallow clone?)"
        if case in stored:
            assert {name: found[name] for name in stored[case]} == stored[case], why
        lacking(f"golden.json does not know {measured['key']}, and {why}")
    expected = reference.case(case)
    assert found["tensors"] == expected["tensors"]  # names the first tensor that differs
    assert found == expected


def test_a_resumed_training_is_the_uninterrupted_one(measured: dict[str, Any]) -> None:
    assert measured["cases"]["resnet8 v1, resumed"] == measured["cases"]["resnet8 v1"]


def test_two_workers_train_what_one_does(measured: dict[str, Any]) -> None:
    for two, one in zip(*(measured["cases"][case]["epochs"] for case in (CASES[-1], CASES[0])), strict=True):
        assert two["train_loss"] == pytest.approx(one["train_loss"], abs=1e-3)
        assert two["validation_loss"] == pytest.approx(one["validation_loss"], abs=1e-2)
        assert two["step"] == one["step"] and two["learning_rate"] == one["learning_rate"]
