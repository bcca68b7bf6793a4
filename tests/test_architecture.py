"""What docs/architecture.md says of the code is so."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
SOURCES = sorted(SRC.rglob("*.py"))
LINES = 220
# Modules that come with what is required, and in the version that it asks for.
PROVIDED = {
    "botocore": {"boto3"},
    "keras": {"tensorflow"},
    "omegaconf": {"hydra-core"},
    "sagemaker": {"sagemaker"},
    "urllib3": {"requests"},
}


def test_imports_keep_their_contracts() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(SRC), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kept, 0 broken" in done.stdout


def test_only_a_framework_and_the_programs_know_what_is_trained() -> None:
    words = re.compile(r"cifar|resnet|tensorflow|keras|digits", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((SRC / "harness").rglob("*.py"))
        if path.relative_to(SRC / "harness").parts[0] != "frameworks"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert not found, "\n".join(found)


def test_no_module_is_longer_than_a_person_reads_at_once() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in SOURCES}
    assert not {path: length for path, length in lengths.items() if length > LINES}


def test_the_harness_can_be_seen_at_a_glance() -> None:
    names = [path.name for path in (SRC / "harness").iterdir() if path.name != "__pycache__"]
    assert len(names) <= 20, sorted(names)


def test_a_package_says_in_one_line_what_it_holds_and_nothing_else() -> None:
    for path in (SRC / "harness").glob("*/**/__init__.py"):
        (only,) = ast.parse(path.read_text()).body
        assert isinstance(only, ast.Expr) and len(path.read_text().splitlines()) == 1, path


def imported() -> Iterator[tuple[str, str]]:
    """(top-level module, file) of every import in src/ that is neither the project's nor Python's own."""
    own = {"harness", "programs", "hydra_plugins", "train", *sys.stdlib_module_names}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                if name.split(".")[0] not in own:
                    yield name.split(".")[0], path.relative_to(ROOT).as_posix()


def required(name: str) -> set[str]:
    """The distributions that a requirements file names, those of the files that it includes too."""
    found: set[str] = set()
    for line in (ROOT / name).read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found |= required(text.removeprefix("-r "))
        elif text:
            found.add(normal(re.split(r"[\[<>=!~ ]", text)[0]))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def distributions() -> dict[str, set[str]]:
    """The distributions that hold a module, by module."""
    return {module: {normal(name) for name in names} for module, names in metadata.packages_distributions().items()}


def test_what_is_imported_is_required_and_what_travels_by_the_training_lock(distributions: dict[str, set[str]]) -> None:
    everything, training = required("requirements.txt"), required("requirements-train.txt")
    missing = []
    for module, path in imported():
        travels = re.match(r"src/(harness/(?:contract|worker|frameworks)|programs/(?P<program>\w+)/(?!host/))", path)
        own = f"src/programs/{travels['program']}/requirements.txt" if travels else ""
        wanted = (required(own) if (ROOT / own).is_file() else training) if travels else everything
        if not (distributions.get(module, {module}) | PROVIDED.get(module, set())) & wanted:
            missing.append(f"{path} imports {module}")
    assert not missing, "\n".join(missing)
