"""What all tests share: the rule for tests that need a Docker engine, its image, and where real CIFAR-10 is."""

import contextlib
import functools
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.lacking import lacking

IMAGE = Path(__file__).resolve().parent.parent / "tools" / "image.sh"

# A shell starts what it puts into the background deaf to Ctrl-C, and programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@functools.cache
def engine_answers() -> bool:
    """Whether a Docker engine answers within ten seconds."""
    try:
        command = ["docker", "version", "--format", "{{.Server.Version}}"]
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker") and not engine_answers():
        lacking("no Docker engine answers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with slow tests come last; first where processes share the files out, lest the longest begin last."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path in slow) != hasattr(config, "workerinput"))


@pytest.fixture(scope="session")
def training_image() -> str:
    """The name of the training image, built now where it is missing; for tests marked docker."""
    built = subprocess.run(["sh", str(IMAGE)], capture_output=True, text=True, timeout=1200, check=False)
    if built.returncode:
        lacking(built.stderr.strip().rpartition("\n")[2])
    return subprocess.run(["sh", str(IMAGE), "name"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def cifar10() -> Path | None:
    """The folder that holds cifar-10-batches-py/ with real CIFAR-10, named by CIFAR10_DIR; None without one."""
    named = os.environ.get("CIFAR10_DIR")
    return Path(named).resolve() if named else None


@pytest.fixture(scope="module")
def comet_aside() -> Iterator[None]:
    """For tests of other things: a client of Comet that logs nothing, and is there at once, for what they start."""
    with _first_imported("comet"):
        yield


@pytest.fixture(scope="module")
def plots_aside() -> Iterator[None]:
    """For tests of other things: a matplotlib that draws nothing, and is there at once, for what they start."""
    with _first_imported("plots"):
        yield


@contextlib.contextmanager
def _first_imported(fake: str) -> Iterator[None]:
    there = [str(Path(__file__).parent / "fakes" / fake), *filter(None, [os.environ.get("PYTHONPATH")])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(there))
        yield


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    """AWS on loopback, with what a burst needs."""
    from harness.launch import engine
    from harness.settings.project import ROOT
    from tests.fakes.sagemaker.server import Aws

    with Aws(grace=20) as account:
        account.prepare(f"{engine.recipe(ROOT)}-cpu", f"{engine.recipe(ROOT)}-gpu")
        yield account


@pytest.fixture
def typed(aws: Any) -> Iterator[Any]:
    """Commands of a test, typed with AWS's environment, ended with it."""
    from tests.support.cloud import SECRETS, Typed

    commands = []

    def begin(project: Path, *arguments: str, **options: Any) -> Any:
        commands.append(Typed(project, *arguments, **{**aws.environment(), **SECRETS, **options}))
        return commands[-1]

    yield begin
    for each in commands:
        each.close()
