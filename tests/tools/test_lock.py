"""`python tools/lock.py --check` finds locks that do not fit the requirements, without network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import lock


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the requirements and their locks."""
    locks = lock.all_locks(lock.ROOT)
    for name in {*locks, *(name for names in locks.values() for name in names)}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(lock.ROOT / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def block(path: Path, name: str) -> str:
    """The lines of one package in a lock."""
    header, hashes = next(each for each in lock.read_blocks(path).items() if lock.name_of(each[0]) == name)
    return " \\\n".join([header, *(f"    {each}" for each in hashes)]) + "\n"


def test_the_locks_of_this_project_are_up_to_date():
    assert list(lock.faults(lock.ROOT)) == []


@pytest.mark.parametrize("name", lock.LOCKS)
def test_a_requirement_without_a_pin(project, name):
    with (project / name).open("a") as file:
        file.write("a_new.package>=1.5  # a comment\n")
    found = list(lock.faults(project))
    assert f"{lock.LOCKS[name][-1]} does not satisfy a_new.package>=1.5 of {name}" in found


def test_a_pin_that_no_longer_satisfies_its_requirement(project):
    change(project / "requirements.txt", "optuna==4.*", "optuna==5.*")
    assert list(lock.faults(project)) == ["requirements.lock does not satisfy optuna==5.* of requirements.txt"]


def test_a_pin_that_applies_to_one_python_alone(project):
    change(project / "requirements.lock", "\npytest==", "\npytest==0 ; python_full_version < '3.12' \\\npytest-was==")
    assert list(lock.faults(project)) == ["requirements.lock does not satisfy pytest of requirements.txt"]


def test_a_requirement_that_applies_to_no_machine_of_ours_needs_no_pin(project):
    with (project / "requirements.txt").open("a") as file:
        file.write("pywin32 ; sys_platform == 'win32'\n")
    assert list(lock.faults(project)) == []


def test_a_training_lock_with_another_hash(project):
    path = project / "requirements-train.lock"
    change(path, lock.read_blocks(path)[next(iter(lock.read_blocks(path)))][0], "--hash=sha256:" + "0" * 64)
    (found,) = lock.faults(project)
    assert found.startswith("requirements-train.lock and requirements.lock differ in absl-py==")


def test_a_cloud_lock_with_another_version(project):
    change(project / "requirements-cloud.lock", "\nboto3==", "\nboto3==0.")
    (found,) = lock.faults(project)
    assert found.startswith("requirements-cloud.lock and requirements.lock differ in boto3==0.")


def test_a_package_that_would_be_installed_twice(project):
    with (project / "requirements-gpu.lock").open("a") as file:
        file.write(block(project / "requirements-train.lock", "tensorflow"))
    assert list(lock.faults(project)) == ["requirements-gpu.lock and requirements-train.lock both hold tensorflow"]


def test_a_lock_that_is_missing(project):
    (project / "requirements-gpu.lock").unlink()
    assert list(lock.faults(project)) == ["requirements-gpu.lock is missing"]


def test_the_lock_of_a_program_with_requirements_of_its_own(project):
    folder = project / "src" / "programs" / "mine"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("packaging\n")
    assert list(lock.faults(project)) == ["src/programs/mine/requirements.lock is missing"]
    (folder / "requirements.lock").write_text(block(project / "requirements.lock", "packaging"))
    assert list(lock.faults(project)) == []
    (folder / "requirements.txt").write_text("packaging\nattrs\n")
    own = "src/programs/mine/requirements"
    assert list(lock.faults(project)) == [f"{own}.lock does not satisfy attrs of {own}.txt"]


def test_a_program_takes_the_projects_versions_where_those_do(project, monkeypatch):
    asked = []

    def resolve(asking, pins):
        asked.append(pins)
        if "x==1" in pins:
            raise subprocess.CalledProcessError(1, "uv")
        return []

    monkeypatch.setattr(lock, "resolve", resolve)
    monkeypatch.setattr(lock, "ROOT", project)
    lock.resolve_near(project / "requirements.txt", ["y==1"], ["z==1"])
    lock.resolve_near(project / "requirements.txt", ["y==1"], ["x==1"])
    assert asked == [["y==1", "z==1"], ["y==1", "x==1"], ["y==1"]]


def test_a_lock_that_cannot_be_resolved_here_is_kept_while_it_does(project, capsys):
    folder = project / "src" / "programs" / "mine"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("packaging\n")
    own = "src/programs/mine/requirements"
    with pytest.raises(SystemExit, match="PIP_EXTRA_INDEX_URL=ADDRESS make lock"):
        lock.keep(project, own)
    (folder / "requirements.lock").write_text(block(project / "requirements.lock", "packaging"))
    lock.keep(project, own)
    assert capsys.readouterr().out.startswith(f"{own}.lock: kept as it is; ")
    (folder / "requirements.txt").write_text("packaging==0\n")
    with pytest.raises(SystemExit):
        lock.keep(project, own)


def test_files_are_looked_for_where_pip_looks(monkeypatch):
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    assert not {"UV_FIND_LINKS", "UV_EXTRA_INDEX_URL"} & lock.places().keys()
    monkeypatch.setenv("PIP_FIND_LINKS", "/one /two")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:9/simple")
    found = lock.places()
    assert (found["UV_FIND_LINKS"], found["UV_EXTRA_INDEX_URL"]) == ("/one,/two", "http://127.0.0.1:9/simple")


def check(root: Path) -> subprocess.CompletedProcess[str]:
    """The command as the pre-commit hook runs it, with an address that refuses whoever asks the network."""
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    command = [sys.executable, str(root / "tools" / "lock.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **nowhere}, check=False)


def test_the_command_says_in_one_line_what_to_type(project):
    (project / "tools").mkdir()
    shutil.copyfile(lock.ROOT / "tools" / "lock.py", project / "tools" / "lock.py")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    done = check(project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    change(project / "requirements.txt", "\nuv\n", "\nuv==0.0.1\n")
    done = check(project)
    assert done.returncode == 1
    assert done.stderr == "requirements.lock does not satisfy uv==0.0.1 of requirements.txt; type: make lock\n"
    change(project / "requirements.txt", "\nuv==0.0.1\n", "\nuv\n")
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
