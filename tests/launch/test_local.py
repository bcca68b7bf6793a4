import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from harness.contract.errors import NotReady
from harness.launch import engine, follow, local
from harness.launch.process import Process
from harness.runs import run_folder
from harness.settings.schema import Mode
from tests.support.hosts import SOURCE, gone
from tests.support.programs import bundle_of, planned

ROOT = SOURCE.parent
MODE = Mode(
    name="local",
    runner="auto",
    threads=2,
    instance_type="local_cpu",
    instance_count=1,
    checkpoint_seconds=60.0,
    verify="before",
)
ENGINE = """#!/bin/sh
echo "$*" >>"$0.asked"
case "$1 $2" in
"version --format") echo 1 ;;
"compose version") echo v2 ;;
"image inspect") test -e "$0.image" && echo sha256:1 ;;
esac
"""


@pytest.fixture
def container(monkeypatch):
    """Stands in for the container's launcher, which would start the SDK; the image that it got."""
    monkeypatch.setattr(local, "Container", lambda image, count: image)


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A docker command that answers like an engine without images; touching docker.image gives it every image."""
    command = tmp_path / "bin" / "docker"
    command.parent.mkdir()
    command.write_text(ENGINE)
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    return command


def say(line):
    pass


def choose(runner, say=say):
    return local.choose(replace(MODE, runner=runner), say)


def test_without_docker_auto_takes_the_process_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    placement = choose("auto")
    assert isinstance(local.runner(placement), Process)
    assert (placement.runner, placement.reason, placement.image) == ("process", "no docker command", None)


def test_with_an_engine_that_does_not_answer_auto_takes_the_process_and_says_why(docker):
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    assert choose("auto").reason == "no Docker engine: it does not answer"
    docker.write_text("#!/bin/sh\necho 'permission denied while trying to connect' >&2\nexit 1\n")
    assert choose("auto").reason == "no Docker engine: permission denied"
    docker.write_text("not a program")
    assert choose("auto").reason == "no Docker engine: it does not answer"


def test_an_engine_that_hangs_counts_as_one_that_fails(docker):
    docker.write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    assert engine.docker("version", timeout=0.2).returncode == 124


def test_a_process_that_is_asked_for_asks_no_engine(docker):
    assert choose("process").reason == "asked for"
    assert not Path(f"{docker}.asked").exists()


def test_an_image_that_is_there_makes_it_a_container(docker, container):
    Path(f"{docker}.image").touch()
    placement = choose("auto")
    assert local.runner(placement) == placement.image == engine.image_name(ROOT)
    assert (placement.runner, placement.image_id) == ("container", "sha256:1")
    assert choose("container").reason == "asked for"


def test_auto_builds_a_missing_image(docker, container, monkeypatch):
    def build(root, say, program):
        say("building")
        Path(f"{docker}.image").touch()

    monkeypatch.setattr(engine, "build", build)
    told = []
    assert choose("auto", told.append).runner == "container"
    assert told == ["building"]


def test_where_the_image_cannot_be_built_auto_takes_the_process_and_says_why(docker, container, monkeypatch):
    monkeypatch.setattr(engine, "build", lambda root, say, program: "no network")
    assert choose("auto").reason == "the image could not be built: no network"


def test_a_container_that_is_asked_for_builds_nothing(docker, container, monkeypatch):
    monkeypatch.setattr(engine, "build", None)
    with pytest.raises(NotReady, match=r"needs the image harness-train:.*type: make image"):
        choose("container")


def test_a_build_is_the_image_scripts_and_its_last_line_is_the_reason(tmp_path):
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "image.sh"
    script.write_text("echo first; echo the reason >&2; echo; exit 3")
    assert engine.build(tmp_path, say) == "the reason"
    script.write_text("exit 4")
    assert engine.build(tmp_path, say) == "exit code 4"
    script.write_text("exit 0")
    assert engine.build(tmp_path, say) is None


def test_a_build_that_takes_too_long_or_is_interrupted_is_ended_whole(tmp_path, monkeypatch):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "image.sh").write_text(f"/bin/sleep 30 & echo $! >{tmp_path}/pid; wait")
    monkeypatch.setitem(engine.BUILD, "local", 0.5)
    assert engine.build(tmp_path, say) == "it took longer than 0 s"
    assert gone(int((tmp_path / "pid").read_text()))
    monkeypatch.setitem(engine.BUILD, "local", 60)
    interrupt = threading.Timer(0.5, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        engine.build(tmp_path, say)
    interrupt.join()
    assert gone(int((tmp_path / "pid").read_text()))


def train(folder, **environment):
    """train.py as typed, in a container."""
    command = [sys.executable, ROOT / "src" / "train.py", "mode.runner=container", f"runs_folder={folder / 'runs'}"]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_no_engine_or_no_image_is_one_line_that_says_what_to_type(docker, tmp_path):
    without_image = train(tmp_path)
    docker.unlink()
    without_docker = train(tmp_path)
    for found, what, command in (
        (without_image, "needs the image", "make image"),
        (without_docker, "no docker command", "python src/train.py mode.runner=process"),
    ):
        assert found.returncode == 2, found.stderr
        assert len(found.stderr.splitlines()) == 1, found.stderr
        assert what in found.stderr
        assert found.stderr.endswith(f"type: {command}\n")
    assert not list(tmp_path.rglob("runs/*"))


@pytest.mark.docker
def test_an_engine_that_is_elsewhere_is_one_line_too(tmp_path):
    found = train(tmp_path, DOCKER_HOST="unix:///nonexistent")
    assert (found.returncode, len(found.stderr.splitlines())) == (2, 1), found.stderr
    assert "no Docker engine: it does not answer" in found.stderr


@pytest.mark.parametrize("gone", ["code", "plan.json"])
def test_a_run_folder_that_loses_a_part_before_the_worker_starts_still_gets_a_reason(tmp_path, gone):
    run = run_folder.stage(tmp_path, planned("tiny"), bundle_of("tiny"), b"")
    if gone == "code":
        shutil.rmtree(run.code)
    else:
        run.plan.write_text("{}")
    ended = follow.follow(Process(), run, tmp_path, print)
    assert ended.exit_code and ended.reason is not None and ended.reason.startswith("the worker could not start: ")
