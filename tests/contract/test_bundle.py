"""What travels to the worker: whole directories, which need nothing that stays."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.contract import bundle
from harness.tracking import inside
from tests.support import tiny

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
TRAVELS = {f"harness/{package}" for package in bundle.HARNESS}
PROGRAMS = ("tiny", "cifar10")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.copy_source(tmp_path_factory.mktemp("project") / "project")


def travels(path: str, program: str) -> bool:
    """Whether a file of src/ is part of a program's bundle, by its path alone."""
    parts = path.split("/")
    if parts[0] == "harness":
        return path == "harness/__init__.py" or "/".join(parts[:2]) in TRAVELS
    return path == "programs/__init__.py" or (parts[:2] == ["programs", program] and parts[2] != bundle.HOST)


def test_a_program_travels_with_those_that_it_builds_on_and_they_without_it() -> None:
    programs = {path.split("/")[1] for path in bundle.collect(ROOT, "images") if path.count("/") > 1 and path[0] == "p"}
    assert programs == {"images", "cifar10"}
    assert not any("/host/" in path for path in bundle.collect(ROOT, "images"))
    assert not any(path.startswith("programs/images") for path in bundle.collect(ROOT, "cifar10"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_comment_in_a_file_changes_the_experiment_where_the_file_travels_and_only_there(
    project: Path, program: str
) -> None:
    before = bundle.code_hash(bundle.collect(project, program))
    files = sorted(path for path in (project / "src").rglob("*.py"))
    assert len(files) > 100
    changed, stayed = set[str](), set[str]()
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content + b"# a comment\n")
        after = bundle.code_hash(bundle.collect(project, program))
        path.write_bytes(content)
        (stayed if after == before else changed).add(path.relative_to(project / "src").as_posix())
    assert changed == {name for name in changed | stayed if travels(name, program)}
    assert {"harness/worker/loop.py", "harness/contract/plan.py", f"programs/{program}/training.py"} <= changed
    assert {"train.py", "harness/launch/follow.py", f"programs/{program}/host/sample.py"} <= stayed


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_file_that_comes_or_goes_changes_the_experiment_like_one_that_changes(
    project: Path, program: str, tmp_path: Path
) -> None:
    files = bundle.collect(project, program)
    name = max(path for path in files if path != bundle.LOCK)  # under its next name it still comes last
    missing = {path: content for path, content in files.items() if path != name}
    renamed = {**missing, f"{name}x": files[name]}
    bundle.write({**files, "harness/worker/extra.py": b""}, tmp_path)
    hashes = {bundle.code_hash(each) for each in (files, missing, renamed, bundle.received(tmp_path))}
    assert len(hashes) == 4
    (project / "src" / "programs" / program / "notes.txt").write_text("any file of a program travels")
    assert bundle.code_hash(bundle.collect(project, program)) not in hashes
    (project / "src" / "programs" / program / "notes.txt").unlink()


def test_the_lock_changes_its_own_hash_alone(project: Path) -> None:
    files = bundle.collect(project, "tiny")
    other = {**files, bundle.LOCK: files[bundle.LOCK] + b"# \n"}
    assert bundle.code_hash(other) == bundle.code_hash(files)
    assert bundle.lock_hash(other) != bundle.lock_hash(files)


def test_a_program_with_a_lock_of_its_own_travels_with_that(project: Path) -> None:
    own = project / "src" / "programs" / "tiny" / "requirements.lock"
    assert bundle.lock(project, "tiny") == project / bundle.LOCK
    own.write_text("numpy==2.0.0\n")
    try:
        assert bundle.lock(project, "tiny") == own
        assert bundle.collect(project, "tiny")[bundle.LOCK] == b"numpy==2.0.0\n"
        assert bundle.collect(project, "cifar10")[bundle.LOCK] == (project / bundle.LOCK).read_bytes()
    finally:
        own.unlink()


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_written_is_received_with_the_same_hashes_whatever_python_leaves_there(
    project: Path, program: str, tmp_path: Path
) -> None:
    files = bundle.collect(project, program)
    bundle.write(files, tmp_path)
    (tmp_path / "harness" / "__pycache__").mkdir()
    for left in ("x.pyc", "x.pyc.1403"):  # the other one while it is being written
        (tmp_path / "harness" / "__pycache__" / left).write_bytes(b"compiled")
    (tmp_path / "plan.json").write_text("{}")
    received = bundle.received(tmp_path)
    assert received == files
    assert bundle.code_hash(received) == bundle.code_hash(files)
    assert bundle.lock_hash(received) == bundle.lock_hash(files)


def alone(folder: Path, program: str, packages: bool = True) -> str:
    """What a program prints that is run with nothing on the path but a folder, and the installed packages or not."""
    command = [sys.executable, *(() if packages else ("-S",)), "-c", program]
    environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_travels_is_imported_with_nothing_else_of_the_project(project: Path, program: str, tmp_path: Path) -> None:
    bundle.write(bundle.collect(project, program), tmp_path)
    names = alone(
        tmp_path,
        "import sys\n"
        "from harness.worker import training\n"
        "from harness.contract import program\n"
        f"loaded = program.load({program!r})\n"
        "loaded.describe('it', None) if not loaded.about else None\n"
        "print(*sorted(name for name in sys.modules if name.split('.')[0] in ('harness', 'programs')))\n"
        "files = {getattr(sys.modules[name], '__file__', None) for name in sys.modules}\n"
        f"assert not [file for file in files if file and file.startswith({str(SRC)!r})]\n",
    ).split()
    assert "harness.worker.training" in names and f"programs.{program}" in names
    assert all(
        travels(name.replace(".", "/") + "/x.py", program) or name in ("harness", "programs")
        for name in names
        if name.count(".") < 2
    ), names


@pytest.mark.parametrize("program", PROGRAMS)
def test_until_a_program_trains_nothing_that_must_be_installed_is_imported(
    project: Path, program: str, tmp_path: Path
) -> None:
    """The worker's own record says why a framework cannot be imported: without any package it gets that far."""
    bundle.write(bundle.collect(project, program), tmp_path)
    printed = alone(
        tmp_path,
        "from harness.worker import __main__, training\n"
        "from harness.contract import program\n"
        f"program.load({program!r}).runtime.configure(1)\n"
        "print('configured')\n",
        packages=False,
    )
    assert printed == "configured\n"


def test_the_companion_in_a_job_is_whole(tmp_path: Path) -> None:
    """What logs to Comet beside a worker: imported with nothing else of the project."""
    bundle.write(inside.files(ROOT), tmp_path)
    modules = "inside, logged, remote, sync, tracker, __main__"
    printed = alone(tmp_path, f"from harness.tracking import {modules}\nprint(inside.__file__)")
    assert Path(printed.strip()).is_relative_to(tmp_path)


def test_the_door_lays_out_the_bundle_of_the_program_that_conf_selects(project: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", project / "conf", dirs_exist_ok=True)
    for program, arguments in (("cifar10", ()), ("tiny", ("tiny",))):
        out = tmp_path / program
        command = [sys.executable, "-m", "harness.bundle", str(project), str(out), *arguments]
        subprocess.run(command, env={**os.environ, "PYTHONPATH": str(SRC)}, check=True)
        assert bundle.received(out) == bundle.collect(project, program)


def test_the_pipeline_retrains_when_what_travels_changes_and_for_nothing_else() -> None:
    import yaml

    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    sources = {dependency for dependency in stages["train"]["deps"] if dependency.startswith("src/")}
    assert sources == {f"src/{path}" for path in (*TRAVELS, "programs/cifar10")}
    assert bundle.LOCK in stages["train"]["deps"]
    ignored = (ROOT / ".dvcignore").read_text().split()
    assert f"/src/programs/*/{bundle.HOST}" in ignored
    assert not [line for line in ignored if line.startswith("/src/harness")]
