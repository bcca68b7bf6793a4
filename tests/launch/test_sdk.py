import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.launch import container, engine, sdk
from tests.support.hosts import SOURCE, gone
from tests.support.lacking import lacking

HOST = """
import sys, time
from harness.launch.container import Container
place = Container("none")
print(place._child.pid, flush=True)
{}
"""


@pytest.mark.parametrize("end", ["sys.exit(2)", "time.sleep(60)"])
def test_the_sdks_process_ends_with_a_host_that_gives_it_no_job(end):
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    host = subprocess.Popen(
        [sys.executable, "-c", HOST.format(end)], env=environment, stdout=subprocess.PIPE, text=True
    )
    with host:
        child = int(host.stdout.readline())
        if "sleep" in end:
            host.send_signal(signal.SIGKILL)
    assert gone(child, within=5)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("name_algo-1_1  | epoch=1 step=2\n", "epoch=1 step=2\n"),
        ("algo-1-1  | epoch=1 | algo-1 | x\n", "epoch=1 | algo-1 | x\n"),
        ("\x1b[36mname_algo-1_1  |\x1b[0m epoch=1\n", "epoch=1\n"),
        ("name_algo-1_1  |   indented\n", "  indented\n"),
        ("Attaching to name_algo-1_1\n", "Attaching to name_algo-1_1\n"),
    ],
)
def test_a_containers_line_loses_docker_composes_prefix_alone(written, read):
    assert sdk.PREFIX.sub("", written) == read


@pytest.mark.parametrize("written", ["\x1b[36mname_algo-1_1 exited with code 0\n", "algo-1-1 exited with code 137\n"])
def test_docker_composes_word_on_a_containers_end_is_known_and_a_container_cannot_say_it(written):
    assert sdk.ENDED.match(written)
    assert not sdk.ENDED.match(f"algo-1-1  | {written}")


def test_what_is_said_when_the_only_container_has_ended_is_still_passed_on(capsys, monkeypatch):
    ended = []
    stream = sdk._Unprefixed(sys.stdout, lambda: None, lambda: ended.append(True))
    for line in ("algo-1-1  | algo-1-1 exited with code 0\n", "algo-1-1 exited with code 0\n", "algo-1-1  | last\n"):
        assert len(ended) == (line == "algo-1-1  | last\n")
        stream.write(line)
    assert capsys.readouterr().out.splitlines()[-1] == "last"


@pytest.mark.docker
def test_outputs_are_whole_at_whatever_file_the_sdk_is_stopped_when_it_puts_them_away(tmp_path, monkeypatch):
    from sagemaker.train.local import local_container

    host, seen = tmp_path / "algo-1" / "output", []
    written = {"data/record.json": "{}", "data/metrics.csv": "epoch\n", "failure": "none"}
    for name, text in written.items():
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        (host / name).write_text(text)

    def look():
        found = container.outputs(tmp_path)
        assert {name: (found / name).read_text() for name in written} == written
        seen.append(found)

    def copy(source, target):
        for path in sorted(Path(source).rglob("*")):
            (to := Path(target) / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            to.mkdir(exist_ok=True) if path.is_dir() else shutil.copy(path, to)
            look()

    def remove(folder, image=None, is_studio=False):
        for path in sorted(Path(folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
            look()
        Path(folder).rmdir()
        look()

    volumes = [f"{tmp_path}/model:/opt/ml/model", f"{host}:/opt/ml/output"]
    (tmp_path / "model").mkdir()
    own = {"_prepare_training_volumes": [], "_create_config_file_directories": None, "_write_config_files": None}
    own |= {"_ecr_login_if_needed": False, "_generate_compose_command": ["true"]}
    own |= {"_generate_compose_file": {"services": {"algo-1": {"volumes": volumes}}}}
    for name, given in own.items():
        monkeypatch.setattr(local_container._LocalContainer, name, lambda *_, given=given: given)
    monkeypatch.setattr(local_container, "_stream_output", lambda process: process.communicate())
    monkeypatch.setattr(local_container, "recursive_copy", copy)
    monkeypatch.setattr(local_container, "_rmtree", remove)
    job = local_container._LocalContainer(
        training_job_name="job",
        instance_type="local_cpu",
        instance_count=1,
        image="none",
        container_root=str(tmp_path),
        input_data_config=[],
        environment={},
        hyper_parameters={},
        container_entrypoint=[],
        container_arguments=[],
    )
    look()
    job.train(wait=True)
    assert seen[0] == host and seen[-1] == tmp_path / "artifacts" / "output" and not host.exists()


def test_what_a_job_leaves_in_the_engine_is_removed_also_where_its_host_is_killed(network, training_image):
    os.close(engine.keep_network())
    container = engine.docker("create", "--network", engine.NETWORK, training_image).stdout.strip()
    program = f"import os; from harness.launch import engine; engine.clear_up_beside('{container}'); os.kill(0, 9)"
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", program]
    host = subprocess.run(command, env=environment, check=False, start_new_session=True)
    assert host.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while engine.docker("inspect", container).returncode == 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    engine.remove_network()
    assert network() == []


@pytest.fixture
def network(monkeypatch):
    """A network of our own under the engine's rules."""
    monkeypatch.setattr(engine, "NETWORK", f"harness-test-{os.getpid()}")
    yield engine._networks
    engine.docker("network", "rm", *engine._networks())


@pytest.mark.docker
def test_jobs_that_start_at_once_make_one_network_and_the_last_removes_it(network):
    locks = []
    threads = [threading.Thread(target=lambda: locks.append(engine.keep_network())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(locks) == 4
    for lock in locks:
        engine.remove_network()
        assert len(network()) == 1
        os.close(lock)
    engine.remove_network()
    assert network() == []


@pytest.mark.docker
def test_the_network_stays_while_a_container_is_in_it_that_has_not_started(network, training_image):
    os.close(engine.keep_network())
    container = engine.docker("create", "--network", engine.NETWORK, training_image).stdout.strip()
    engine.remove_network()
    assert len(network()) == 1
    engine.docker("rm", container)
    engine.remove_network()
    assert network() == []


@pytest.mark.docker
def test_networks_of_one_name_that_something_else_left_are_made_one(network):
    os.close(engine.keep_network())
    api = "POST /networks/create HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}"
    body = json.dumps({"Name": engine.NETWORK, "CheckDuplicate": False})
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("/var/run/docker.sock")
        connection.sendall(api.format(len(body), body).encode())
        connection.recv(1000)
    if len(network()) != 2:
        lacking("this engine makes no two networks of one name")
    os.close(engine.keep_network())
    assert len(network()) == 1
