"""What bits depend on, and nothing else, makes the fingerprint."""

import hashlib
import os
from pathlib import Path

import pytest

from harness.contract.program import Runtime
from harness.contract.record import BITS
from harness.worker import environment


class Framework(Runtime):
    """A framework of one package and two variables."""

    package = "numpy"
    variables = ("KERNELS",)
    gpu_variables = ("GPU_KERNELS",)
    deterministic = True


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock, on a machine that says the same each time."""
    monkeypatch.setenv("KERNELS", "fast")
    monkeypatch.setenv("GPU_KERNELS", "precise")
    monkeypatch.setattr(environment, "processor", lambda: ("a processor", ["avx", "avx2"]))
    installed = {"numpy": "2.0", "packaging": "25.0", "pytest": None}
    monkeypatch.setattr(environment, "_version", installed.__getitem__)
    path = tmp_path / "lock.txt"
    path.write_text("numpy==2.0 \\\n    --hash=sha256:00\npackaging==24.2 \\\npytest==9.0 ; python_version < '3'\n")
    return path


def test_an_environment_says_what_bits_depend_on_and_what_differs_from_the_lock(lock: Path) -> None:
    found = environment.describe(Framework(), 3, lock, ["a GPU"])
    assert {name: found[name] for name in BITS} == {
        "cpu": "a processor",
        "cpu_flags": ["avx", "avx2"],
        "gpus": ["a GPU"],
        "threads": 3,
        "settings": {"KERNELS": "fast", "GPU_KERNELS": "precise"},
        "deterministic": True,
        "framework": "numpy 2.0",
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest(),
    }
    assert found["packages"] == {"numpy": "2.0", "packaging": "25.0", "pytest": None}
    assert found["lock_differences"] == ["packaging"]
    assert environment.describe(Framework(), 3, lock, [])["settings"] == {"KERNELS": "fast"}


def test_each_of_these_makes_another_fingerprint_and_nothing_else_does(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fingerprint(kind: type[Runtime] = Framework, threads: int = 3, gpus: tuple[str, ...] = ("a GPU",)) -> str:
        return str(environment.describe(kind(), threads, lock, list(gpus))["fingerprint"])

    seen = [fingerprint()]
    monkeypatch.setattr(environment.platform, "platform", lambda: "another kernel")
    monkeypatch.setattr(os, "cpu_count", lambda: 99)
    assert fingerprint() == seen[0]

    seen.append(fingerprint(threads=4))
    seen.append(fingerprint(gpus=()))
    seen.append(fingerprint(gpus=("another GPU",)))
    seen.append(fingerprint(type("Random", (Framework,), {"deterministic": False})))
    seen.append(fingerprint(type("Other", (Framework,), {"package": "packaging"})))
    with monkeypatch.context() as other:
        other.setenv("KERNELS", "slow")
        seen.append(fingerprint())
    for processor in (("another processor", ["avx", "avx2"]), ("a processor", ["avx"])):
        with monkeypatch.context() as other:
            other.setattr(environment, "processor", lambda found=processor: found)
            seen.append(fingerprint())
    lock.write_text("numpy==2.0\n")
    seen.append(fingerprint())
    assert len(set(seen)) == len(seen) == 10
