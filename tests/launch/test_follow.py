"""Real workers in processes, each followed by a host process of its own."""

import os
import signal
import subprocess
import sys

import pytest

from harness.launch import follow, runner, signals
from harness.launch.process import Process
from harness.runs.run_folder import RunFolder
from tests.support.hosts import Host, gone, stage


@pytest.fixture
def host(tmp_path):
    """Start a host whose worker trains the program that misbehaves so."""
    hosts = []

    def start(does, **options):
        hosts.append(Host("process", stage(tmp_path / "place", does), **options))
        return hosts[-1]

    yield start
    for each in hosts:
        each.process.kill()
        each.process.wait()
        each.process.stdout.close()


def test_a_worker_in_a_process_gets_code_data_and_checkpoints_and_its_outputs_are_found(host):
    started = host("train")
    ended = started.end()
    assert (ended["exit_code"], ended["reason"], ended["folders"]) == (0, None, ["data", "model", "output"])
    assert ended["status"] == "completed", started.lines
    run = started.run
    assert started.lines[0] == f"worker {run.path.name}"
    assert {"ready", "images"} <= set(started.lines)
    assert started.checkpoints == ["step-000000001.ckpt"]
    assert run.model(run.planned()).exists() and run.metrics.exists()
    assert not run.job.exists()
    assert not [*(run.path.parent / "elsewhere").iterdir(), *(run.path.parent / "home").iterdir()]


def test_no_secret_of_the_host_reaches_the_worker_but_its_ways_to_engine_and_network_do(host):
    secrets = {
        "COMET_API_KEY": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_PROFILE": "c",
        "my_token": "d",
        "DB_PASSWORD": "e",
    }
    wanted = {
        "DOCKER_HOST": "f",
        "DOCKER_CONFIG": "g",
        "DOCKER_CERT_PATH": "h",
        "HTTPS_PROXY": "i",
        "SSL_CERT_FILE": "j",
    }
    started = host("train", **secrets, **wanted)
    started.end()
    environment = started.environment()
    assert not environment.keys() & secrets.keys()
    assert environment.keys() >= wanted.keys()


@pytest.mark.parametrize(
    ("does", "code", "reason", "recorded"),
    [
        ("raise", 1, None, "ValueError: no"),
        ("exit", 7, None, "the worker exited with 7 and left no record"),
        (
            "be killed",
            -9,
            "the worker was killed by SIGKILL (by hand, or by the kernel when memory ran out)",
            "the worker was killed by SIGKILL (by hand, or by the kernel when memory ran out)",
        ),
        ("crash", -11, "the worker was killed by SIGSEGV", "the worker was killed by SIGSEGV"),
    ],
)
def test_a_worker_that_dies_is_reported_with_its_code_and_reason(host, does, code, reason, recorded):
    ended = host(does).end()
    assert (ended["exit_code"], ended["reason"], ended["status"]) == (code, reason, "failed")
    assert ended["recorded"] == recorded


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")]
)
def test_a_stopped_host_lets_its_worker_save_and_collects_the_run(host, number, name):
    started = host("wait").until("ready").send(number)
    ended = started.end()
    assert (ended["exit_code"], ended["reason"], ended["status"]) == (1, f"stopped by {name}", "failed")
    assert started.checkpoints
    assert ended["seconds"] < 15


def test_a_worker_that_completes_while_it_is_being_stopped_has_completed(host):
    started = host("complete when stopped").until("ready").send(signal.SIGINT)
    ended = started.end()
    assert (ended["exit_code"], ended["reason"], ended["status"]) == (0, None, "completed")
    assert any(line.startswith("stopping: Ctrl-C") for line in started.lines)


def test_a_worker_deaf_to_sigterm_is_killed_when_its_grace_is_over(host):
    ended = host("be deaf", grace=0.5).until("deaf").send(signal.SIGTERM).end()
    assert (ended["exit_code"], ended["reason"]) == (-9, "stopped by SIGTERM")
    assert ended["seconds"] < 15


def test_a_second_ctrl_c_kills_at_once(host):
    started = host("be deaf", grace=60).until("deaf").send(signal.SIGINT)
    started.until("stopping: Ctrl-C; the worker has 60 s, a second Ctrl-C kills it").send(signal.SIGINT)
    ended = started.end()
    assert (ended["exit_code"], ended["reason"]) == (-9, "stopped by Ctrl-C")
    assert ended["seconds"] < 15


def test_a_worker_that_closes_its_stdout_is_waited_for(host):
    started = host("close its output")
    ended = started.end()
    assert (ended["exit_code"], ended["status"]) == (0, "completed")
    assert "epoch=1" not in "".join(started.lines)  # it did close it


def test_what_a_worker_leaves_running_is_ended_with_it(host):
    started = host("leave a process")
    assert started.end()["seconds"] < 15
    assert gone(int(started.lines[started.lines.index("ready") + 1]))


def test_noise_in_the_output_is_passed_on_as_lines(host):
    started = host("make noise")
    assert started.end()["exit_code"] == 0
    noise = started.lines[started.lines.index("ready") + 1 :]
    assert "torn" in noise[0]
    assert len(noise[1]) == 1_000_000
    assert "no end" in noise


def test_a_line_without_an_end_is_not_held_at_once(tmp_path):
    class Endless:
        grace, outlives, remote = 1.0, False, False

        def start(self, run, dataset):
            command = ["head", "-c", str(5 * 2**19), "/dev/zero"]
            self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            return self.child

        def finish(self):
            self.child.stdout.close()
            return runner.Ended(0, None, tmp_path, tmp_path)

    lengths = []
    follow.follow(Endless(), None, tmp_path, lambda line: lengths.append(len(line)))
    assert lengths == [2**20, 2**20, 2**19]


def test_a_killed_host_leaves_no_worker_that_speaks(host):
    started = host("talk").until("ready")
    worker = int(started.process.stdout.readline())
    started.send(signal.SIGKILL).process.wait()
    started.process.stdout.close()
    assert gone(worker)


def test_a_worker_that_cannot_start_is_a_failed_run(tmp_path):
    run = stage(tmp_path / "here", "train")
    run.job.write_text("in the way")
    ended = follow.follow(Process(), run, tmp_path / "here" / "dataset", print)
    assert ended.exit_code
    assert ended.reason.startswith("the worker could not start: ")


def test_where_the_host_fails_while_it_listens_the_worker_ends_and_signals_are_as_before(tmp_path):
    run = stage(tmp_path / "here", "talk")
    heard = []

    def listen(line):
        heard.append(line)
        if line.isdigit():
            raise OSError("nobody reads")

    before = [signal.getsignal(number) for number in signals.SIGNALS]
    with pytest.raises(OSError, match="nobody reads"):
        follow.follow(Process(), run, tmp_path / "here" / "dataset", listen)
    assert gone(int(heard[-1]))
    assert [signal.getsignal(number) for number in signals.SIGNALS] == before


class Scripted:
    """A place whose worker is a shell command; it notes what is asked of it."""

    grace, outlives, remote = 20.0, False, False

    def __init__(self, command):
        self.command, self.asked = command, []

    def start(self, run, dataset):
        os.kill(os.getpid(), signal.SIGINT)  # while it starts
        self.child = subprocess.Popen(["sh", "-c", self.command], stdout=subprocess.PIPE, text=True)
        return self.child

    def stop(self, at_once):
        self.asked.append(at_once)
        self.child.kill()

    def finish(self):
        os.kill(os.getpid(), signal.SIGINT)  # while it clears up
        self.child.wait()
        self.child.stdout.close()
        self.asked.append("finished")
        return runner.Ended(self.child.returncode, None, sys.executable, sys.executable)


def test_signals_while_it_starts_and_while_it_clears_up_break_nothing(tmp_path):
    place = Scripted("exec sleep 60")
    ended = follow.follow(place, RunFolder(tmp_path), tmp_path, print)
    assert place.asked == [False, "finished"]
    assert (ended.exit_code, ended.reason) == (-9, "stopped by Ctrl-C")
