"""Real containers of the training image, each run by a host process of its own and all at the same time.

As root, hosts run as an ordinary user of the engine's group: what root may do hides what a user may not. The one thing
that such a host keeps is to read where root alone may, since the interpreter may lie there.
"""

import os
import signal
import socketserver
import subprocess
import threading
import uuid
from pathlib import Path

import pytest

from harness.launch import container, engine
from tests.support.hosts import Host, gone, stage

pytestmark = [pytest.mark.docker, pytest.mark.slow]

USER = 4321  # nobody's id
SECRETS = {"COMET_API_KEY": uuid.uuid4().hex, "AWS_SECRET_ACCESS_KEY": uuid.uuid4().hex, "AWS_PROFILE": "nobodys"}
WORKERS = {
    "good": "train",
    "exception": "raise",
    "killed": "wait",
    "sdk-killed": "wait",
    "stopped": "wait",
    "deaf": "be deaf",
    "host-killed": "wait",
    "no-image": "train",
}


def ids(host: Host) -> list[str]:
    """The containers of a host's run."""
    command = ["docker", "ps", "--all", "--quiet", "--filter", f"volume={host.run.code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


class Network(socketserver.ThreadingTCPServer):
    """A proxy that notes every request to the outside and answers none; the SDK's telemetry would be one."""

    class Note(socketserver.StreamRequestHandler):
        def handle(self):
            self.server.asked.append(self.rfile.readline())

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), self.Note)


@pytest.fixture(scope="module")
def network():
    with Network() as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def hosts(training_image, tmp_path_factory, network):
    """All hosts, started together, while something keeps trying to remove the network that their containers share."""
    socket = Path("/var/run/docker.sock")
    prefix, owner = (), None
    if os.getuid() == 0:
        owner = USER
        as_user = [f"--reuid={USER}", f"--regid={USER}", f"--groups={socket.stat().st_gid if socket.exists() else 0}"]
        prefix = ("setpriv", *as_user, "--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search")
    base = tmp_path_factory.mktemp("containers")
    proxy = f"http://127.0.0.1:{network.server_address[1]}"
    hosts = {}
    for name, does in WORKERS.items():
        image = "harness-train:none" if name == "no-image" else training_image
        grace = 1 if name == "deaf" else 20
        hosts[name] = Host(
            image, stage(base / name, does, owner), grace, prefix, **SECRETS, https_proxy=proxy, http_proxy=proxy
        )
    done = threading.Event()

    def remover():
        while not done.wait(0.05):
            engine.remove_network()

    thread = threading.Thread(target=remover)
    thread.start()
    yield hosts
    done.set()
    thread.join()
    for host in hosts.values():
        host.process.kill()
        host.process.wait()
        host.process.stdout.close()
        left = ids(host)
        if left:
            subprocess.run(["docker", "rm", "--force", *left], capture_output=True, check=False)


def clean(host: Host) -> bool:
    """Neither container nor scratch of a run, and every file its caller's."""
    owners = {path.lstat().st_uid for path in host.run.path.rglob("*")}
    return not ids(host) and not host.run.job.exists() and owners == {host.run.path.stat().st_uid}


def sdk(host: Host) -> int:
    return int(host.lines[0].removeprefix("sdk="))


@pytest.mark.long
def test_a_worker_in_a_container_gets_code_data_and_checkpoints_and_its_outputs_are_found(hosts):
    host = hosts["good"]
    ended = host.end()
    assert (ended["exit_code"], ended["reason"]) == (0, None), "\n".join(host.lines)
    assert ended["status"] == "completed", "\n".join(host.lines)
    assert ended["folders"] == ["data", "model", "output"]
    assert {f"worker {host.run.path.name}", "ready", "images"} <= set(host.lines)
    assert host.checkpoints == ["step-000000001.ckpt"]
    assert host.run.model(host.run.planned()).exists() and host.run.metrics.exists()
    assert "docker-compose.yaml" not in ended["scratch"]
    assert clean(host)
    folder = host.run.path.parent
    assert not [*(folder / "elsewhere").iterdir(), *(folder / "home").iterdir()]


def test_no_secret_of_the_host_reaches_the_container_or_a_file(hosts):
    host = hosts["good"]
    if not host.process.stdout.closed:  # no test before this one has heard it to its end
        host.end()
    environment = host.environment()
    assert not environment.keys() & SECRETS.keys()
    assert not [name for name in environment if name.startswith("AWS_")]
    content = b"".join(path.read_bytes() for path in host.run.path.parent.rglob("*") if path.is_file())
    for secret in SECRETS.values():
        assert secret.encode() not in content
        assert secret not in "\n".join(host.lines)


def test_the_sdk_talks_to_nobody(hosts, network):
    hosts["good"].process.wait()
    assert network.asked == []


def test_a_worker_that_fails_leaves_its_reason_and_nothing_of_roots(hosts):
    host = hosts["exception"]
    ended = host.end()
    assert (ended["exit_code"], ended["reason"], ended["recorded"]) == (1, None, "ValueError: no"), "\n".join(
        host.lines
    )
    assert any("ValueError: no" in line for line in host.lines)
    assert clean(host)


def test_a_killed_container_is_reported_as_killed(hosts):
    host = hosts["killed"].until("ready")
    subprocess.run(["docker", "kill", *ids(host)], capture_output=True, check=True)
    ended = host.end()
    assert ended["exit_code"] == 137
    assert ended["reason"].startswith("the worker was killed by SIGKILL")
    assert clean(host)


@pytest.mark.parametrize(
    ("state", "code", "reason"),
    [
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, 137, "out of memory"),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": False}, 137, "killed by SIGKILL"),
        ({"Status": "exited", "ExitCode": 3, "OOMKilled": False}, 3, None),
        ({"Status": "exited", "ExitCode": 0, "OOMKilled": True}, 0, None),
        ({"Status": "created", "ExitCode": 128, "Error": "no such network"}, 1, "no such network"),
        ({"Status": "running", "ExitCode": 0}, 137, "while the worker ran"),
        ({}, 1, "started no container"),
    ],
)
def test_dockers_account_of_the_container_gives_code_and_reason(state, code, reason):
    state = state and {"Running": state["Status"] == "running", **state}
    found = container.judge(state, sdk_code=1)
    assert found[0] == code
    assert reason in found[1] if reason else found[1] is None


def test_where_the_sdks_process_dies_the_worker_goes_with_it(hosts):
    host = hosts["sdk-killed"].until("ready")
    os.kill(sdk(host), signal.SIGKILL)
    ended = host.end()
    assert ended["exit_code"] == 137
    assert ended["reason"] == "the SageMaker SDK's process ended with -9 while the worker ran"
    assert clean(host)


def test_a_stopped_host_lets_its_container_save_and_collects_the_run(hosts):
    host = hosts["stopped"].until("ready").send(signal.SIGINT)
    ended = host.end()
    assert (ended["exit_code"], ended["reason"], ended["status"]) == (1, "stopped by Ctrl-C", "failed")
    assert host.checkpoints
    assert clean(host)


def test_a_container_deaf_to_sigterm_is_killed_when_its_grace_is_over(hosts):
    host = hosts["deaf"].until("deaf").send(signal.SIGTERM)
    ended = host.end()
    assert (ended["exit_code"], ended["reason"]) == (137, "stopped by SIGTERM")
    assert clean(host)


def test_a_killed_host_leaves_neither_container_nor_process(hosts):
    host = hosts["host-killed"].until("ready")
    host.send(signal.SIGKILL).process.wait()
    assert gone(sdk(host), within=40)
    assert not ids(host)
    assert host.checkpoints
    assert not (host.run.job / "docker-compose.yaml").exists()


def test_an_image_that_is_not_there_is_a_failed_run(hosts):
    host = hosts["no-image"]
    ended = host.end()
    assert ended["exit_code"] == 1
    assert ended["reason"] == "the SageMaker SDK started no container; log.txt has its words"
    assert any("harness-train:none" in line for line in host.lines)
    assert clean(host)


def test_the_last_run_removes_the_network(hosts):
    for host in hosts.values():
        host.process.wait(60)
    members = engine.docker("ps", "--all", "--quiet", "--filter", f"network={engine.NETWORK}").stdout.split()
    gone_now = engine.docker("network", "inspect", engine.NETWORK).returncode != 0
    assert gone_now == (not members)  # who else is in it keeps it
