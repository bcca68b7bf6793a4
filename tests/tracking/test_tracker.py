"""Comet's copies, made by the real comet_ml: into an archive, and to loopback servers that behave badly or well."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.contract import record, serial
from harness.runs import run_folder
from harness.tracking import key as comet_key
from harness.tracking import tracker
from tests.support.closed import closed
from tests.support.plans import PLAN

pytestmark = pytest.mark.long  # Comet's own client starts more than twenty times

KEY = "planted0comet0key0of0the0tests00"  # what must reach no file
NETRC = "default login me password of-no-concern-to-comet\n"  # pragma: allowlist secret
CONFIG: dict[str, bool | int | float | str] = {
    "resnet_size": 8,
    "resnet_version": 1,
    "learning_rate": 0.1,
    "nesterov": True,
    "schedule": "linear",
    "seed": 0,
}
PLANNED = dataclasses.replace(PLAN, experiment=dataclasses.replace(PLAN.experiment, config=CONFIG))
WITHIN = {"epoch": 2.0, "epochs": 2.0, "steps": 20.0, "seconds_left": 3.0, "recent_loss": 0.25}
EPOCHS = [
    {"epoch": 1, "step": 10, "train_loss": 2.1, "validation_accuracy": 0.25, "learning_rate": 0.1},
    {"epoch": 2, "step": 20, "train_loss": 1.4, "validation_accuracy": 0.5, "learning_rate": 0.05},
]
THIRD = [{"epoch": 3, "step": 30, "train_loss": 1.0, "validation_accuracy": 0.6, "learning_rate": 0.01}]
RESULTS = record.Results(
    {"train_accuracy": 0.5, "validation_accuracy": 0.5, "test_accuracy": 0.75, "test_loss": 1.6},
    4,
    ("cat", "dog"),
    ((2, 0), (1, 1)),
)
COMPLETED = record.of(
    PLANNED,
    status="completed",
    results=RESULTS,
    weights="a" * 64,
    seconds={"train": 2.5},
    environment={"python": "3.11.7", "threads": 2, "settings": {"KERNELS": "fast"}, "gpus": []},
)
FAILED = record.of(PLANNED, status="failed", reason="the worker was killed by SIGKILL")
SOON = 60  # seconds: more than a child takes to start on a busy machine


def answer(mode: str, path: str) -> tuple[int, Any]:
    """What a stand-in for Comet answers."""
    if mode == "errors":
        return 500, {}
    if mode == "denies":
        return 401, {"msg": "not you"}
    if mode == "knows no key":
        return 400, {"sdk_error_code": 90212}
    if mode == "talks nonsense":
        return 200, []
    if mode == "loses tags" and "tags" in path:
        return 400, {"msg": "no"}
    opened = {"runId": "r" * 32, "project_id": "p", "focusUrl": "http://comet.test/x/", "lastOffset": 0}
    if path.endswith("logger/get/run"):
        return 200, opened
    if path.endswith("logger/add/run"):
        if mode == "has it":
            return 400, {"sdk_error_code": 90999}
        return 200, opened
    if path.endswith("isAlive/ver"):
        return 200, {"version": "4.0.0"}
    if path.endswith("experiment/metadata"):
        return 200, {"experimentKey": "k" * 32, "experimentName": "x"}
    if path.endswith("get-metric"):
        return 200, {"metrics": []}
    if mode == "goes down":
        return 500, {}
    return 200, {"is_alive_beat_duration_millis": 10000, "gpu_monitor_interval_millis": 60000}


class Server(ThreadingHTTPServer):
    """A stand-in for Comet on the loopback address; `seen` holds each request's path and body."""

    def __init__(self, mode: str) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self.artifacts: dict[str, dict[str, Any]] = {}  # what was asked for, by alias
        self.metrics: dict[str, list[dict[str, Any]]] = {}  # of the experiment, by name
        self.passwords: list[str] = []  # out of a ~/.netrc: no other is sent so
        self.ended = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.seen.append((self.path.partition("?")[0], body))
                if "basic" in (self.headers.get("Authorization") or "").lower():
                    server.passwords.append(self.path)
                if mode == "stalls":
                    server.ended.wait()
                status, content = answer(mode, self.path.partition("?")[0])
                if self.path.partition("?")[0].endswith("get-metric"):
                    (name,) = parse_qs(urlsplit(self.path).query)["metricName"]
                    content = {"metrics": server.metrics.get(name, [])}
                if "/artifacts/" in self.path:
                    status, content = server.artifact(self.path, body)
                text = json.dumps(content).encode()
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = reply

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def artifact(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Comet's answers about artifacts, as far as its client reads them."""
        asked = {name: value for name, (value,) in parse_qs(urlsplit(path).query).items()}
        if path.endswith("artifacts/upsert"):
            made = json.loads(body)
            self.artifacts[made["alias"][0]] = made
            version = {"artifactVersionId": "v", "currentVersion": "1.0.0", "previousVersion": None}
            return 200, {"artifactId": "a", **version}
        if "artifacts/version" not in path:
            return 200, {}
        found = self.artifacts.get(asked.get("versionOrAlias", ""))
        if found is None and asked.get("versionId") != "v":
            return 400, {"sdk_error_code": 624523, "msg": "there is no such artifact"}
        artifact: dict[str, Any] = {"artifactName": "data", "artifactId": "a", "artifactType": "dataset"}
        artifact |= {"workspaceName": "w", "tags": []}
        about: dict[str, Any] = {
            "alias": [],
            "metadata": None,
            "artifactVersion": "1.0.0",
            "artifactVersionId": "v",
            "tags": [],
        }
        return 200, {"artifact": artifact, **about, "sizeInBytes": 1, "experimentKey": "e" * 40}

    def handle_error(self, *_: object) -> None:
        """A child that is killed breaks its connections."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/clientlib/"

    def close(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()


def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/clientlib/"


def eventually(condition, seconds: float = SOON) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


def environment(home: Path, **more: str) -> dict[str, str]:
    """This one without anything of Comet, and with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMET_")}
    return kept | {"HOME": str(home)} | more


@contextlib.contextmanager
def acting(variables: dict[str, str]):
    """Have these environment variables and no others."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Copied:
    """A run that is copied to Comet: started, fed, finished."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        folder.mkdir()
        self.folder = folder  # the children's home, too
        (folder / ".netrc").write_text(NETRC)
        self.run = run_folder.stage(folder, PLANNED, {"requirements-train.lock": b""}, b"--- a\n+++ b\n")
        self.event_seconds: list[float] = []
        self.track(url)

    def track(self, url: str | None = None) -> "Copied":
        """Start the copies; a second time, as a run that is resumed does."""
        with acting(environment(self.folder, **({"COMET_API_KEY": KEY, "COMET_URL_OVERRIDE": url} if url else {}))):
            self.tracker = tracker.Tracker(self.run, PLANNED, "project", None)
        return self

    def started(self) -> "Copied":
        """Wait until the offline child has opened its experiment."""
        assert eventually(lambda: list(self.run.comet.glob("offline.part/*.zip"))), self.left()
        return self

    def feed(self, epochs: list[dict] = EPOCHS) -> "Copied":
        for values in epochs:
            began = time.perf_counter()
            self.tracker.log_epoch(values)
            self.event_seconds.append(time.perf_counter() - began)
            self.tracker.log_progress({**WITHIN, "step": values["step"] + 1})
        return self

    def kill(self, kind: str) -> "Copied":
        self.tracker._children[kind].kill()
        self.tracker._children[kind].wait()
        return self

    def finish(self, found: record.RunRecord = COMPLETED) -> "Copied":
        self.during = self.left()
        self.run.record.write_text(serial.dumps(found))
        began = time.monotonic()
        self.tracked = self.tracker.finish(found)
        self.seconds = time.monotonic() - began
        return self

    def left(self) -> dict[str, bytes]:
        """Every file of the run and of its home, and every file inside an archive."""
        found = {}
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):  # gone meanwhile
                found[str(path)] = path.read_bytes() if path.is_file() else b""
        for name, content in list(found.items()):
            if zipfile.is_zipfile(io.BytesIO(content)):
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    found |= {f"{name}/{inner}": archive.read(inner) for inner in archive.namelist()}
        return found

    def state(self) -> dict:
        return json.loads((self.run.comet / "state.json").read_text())


AUDIT = """
import atexit, json, os, random, runpy, sys
log = open(f"{sys.argv[1]}.{os.getpid()}", "w", buffering=1)
names = {"socket.connect": 1, "socket.getaddrinfo": 0, "open": 0, "os.mkdir": 0}

def heard(event, args):
    if event in names and (event != "open" or (isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR))):
        what = args[names[event]]
        what = os.path.abspath(what) if isinstance(what, str) and "socket" not in event else what
        log.write(json.dumps([event, what], default=str) + chr(10))

def reporting():
    import sentry_sdk
    log.write(json.dumps(["reporting", sentry_sdk.get_client().is_active()]) + chr(10))

sys.addaudithook(heard)
atexit.register(reporting)
random.random = lambda: 0.9  # Comet draws whether it reports its errors
code = sys.argv.index("-c") + 1
program, sys.argv, sys.path[0] = sys.argv[code], ["-c", *sys.argv[code + 1 :]], sys.path[1]
exec(program)
"""


@contextlib.contextmanager
def audited(folder: Path):
    """Have the children that start meanwhile say where they connect, what they write, whether they report errors."""
    folder.mkdir()
    (folder / "audit.py").write_text(AUDIT)
    python, ours = folder / "python", sys.executable
    python.write_text(f'#!/bin/sh\nexec "{ours}" "{folder}/audit.py" "{folder}/log" "$@"\n')
    python.chmod(0o755)
    sys.executable = str(python)
    try:
        yield
    finally:
        sys.executable = ours


def heard(folder: Path, event: str) -> list:
    lines = [json.loads(line) for log in folder.glob("log.*") for line in log.read_text().splitlines()]
    return [what for name, what in lines if name == event]


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Archive:
    """An offline archive, read without Comet."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            lines = [json.loads(line) for line in archive.read("messages.json").splitlines()]
            self.about = json.loads(archive.read("experiment.json"))
            self.content = {name: archive.read(name) for name in archive.namelist()}
        self.messages = [(line["type"], line["payload"]) for line in lines]
        parameters = [payload["param"] for kind, payload in self.messages if kind == "parameter_msg"]
        self.parameters = {one["paramName"]: one["paramValue"] for one in parameters}
        self.others = {payload["key"]: payload["value"] for kind, payload in self.messages if kind == "log_other"}
        self.metrics = [payload["metric"] for kind, payload in self.messages if kind == "metric_msg"]
        files = [payload for kind, payload in self.messages if kind == "file_upload"]
        self.assets = {one["additional_params"]["fileName"]: self.content[Path(one["file_path"]).name] for one in files}

    def curve(self, name: str) -> list[tuple]:
        return [(one["epoch"], one["step"], one["metricValue"]) for one in self.metrics if one["metricName"] == name]


def orphans(folder: Path, url: str) -> tuple[Path, list[str]]:
    """The comet folder of a run whose host was killed, and the processes that it left."""
    body = (
        "import os, signal, sys; from pathlib import Path; from tests.tracking import test_tracker\n"
        "copied = test_tracker.Copied(Path(sys.argv[1]), sys.argv[2]).started().feed()\n"
        "print(*(child.pid for child in copied.tracker._children.values()), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    places = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(tracker.__file__).parents[2])])
    command = [sys.executable, "-c", body, str(folder), url]
    variables = environment(folder.parent, PYTHONPATH=places)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return folder / PLANNED.run_id / "comet", done.stdout.split()


SERVERS = ("stalls", "errors", "denies", "knows no key", "talks nonsense", "loses tags", "answers", "goes down")


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory):
    """One run for each behaviour of Comet, all at the same time: most of what they do is waiting."""
    folder = tmp_path_factory.mktemp("copies")
    servers = {mode: Server(mode) for mode in SERVERS}
    with audited(folder / "audit"):
        found = {name: Copied(folder / name.replace(" ", "-")) for name in ("no key", "resumed")}
        found["answers"] = Copied(folder / "answers", servers["answers"].url)
    found["offline killed"] = Copied(folder / "offline")
    others = {mode: server for mode, server in servers.items() if mode not in found}
    found |= {mode: Copied(folder / mode.replace(" ", "-"), server.url) for mode, server in others.items()}
    found["refuses"] = Copied(folder / "refuses", nobody())
    found["online killed"] = Copied(folder / "online", servers["stalls"].url)
    idle = found["no key"].started().tracker._children["offline"].pid
    began, busy = time.monotonic(), cpu_seconds(idle)
    left = orphans(folder / "orphans", servers["stalls"].url)
    busy = (cpu_seconds(idle) - busy) / (time.monotonic() - began)
    for mode, server in servers.items():
        assert eventually(lambda server=server: server.seen), f"{mode}: {found[mode].left()}"
    for copied in found.values():
        copied.started().feed()
    found["online killed"].kill("online")
    found["offline killed"].kill("offline")
    servers["has it"] = Server("has it")
    found["resumed"].finish(FAILED).track(servers["has it"].url).feed(THIRD)
    with ThreadPoolExecutor(len(found)) as pool:
        finished = {name: pool.submit(copied.finish) for name, copied in found.items() if name != "offline killed"}
        finished["offline killed"] = pool.submit(found["offline killed"].finish, FAILED)
        for one in finished.values():
            one.result()
    more = {"server": servers["answers"], "has it": servers["has it"], "audit": folder / "audit"}
    yield found | more | {"orphans": left, "busy": busy}
    for server in servers.values():
        server.close()


def test_the_archive_holds_what_the_record_holds(copies):
    copied = copies["no key"]
    found = Archive(copied.tracked.archive)
    identity = {"dataset_name": PLANNED.experiment.dataset.name, "dataset_hash": PLANNED.experiment.dataset.hash}
    assert found.parameters == COMPLETED.experiment.config | identity | {"experiment_id": PLANNED.experiment_id}
    assert {type(found.parameters[name]) for name in ("nesterov", "seed", "learning_rate")} == {bool, int, float}
    git = PLANNED.provenance.git
    expected = {
        "Name": f"resnet-8-v1-process-{PLANNED.experiment_id[:8]}",
        "run_id": PLANNED.run_id,
        "program": "cifar10",
        "about": "ResNet-8 v1",
        "code_sha256": PLANNED.experiment.code,
        "lock_sha256": PLANNED.experiment.lock,
        "git_commit": git.commit,
        "git_branch": git.branch,
        "git_dirty": True,
        "git_patch_sha256": git.patch_sha256,
        "placement/runner": "process",
        "environment/python": "3.11.7",
        "environment/settings": '{"KERNELS": "fast"}',
        "status": "completed",
        "weights_sha256": COMPLETED.weights,
        **identity,
    }
    assert expected.items() <= found.others.items()
    assert set(found.about["tags"]) == {"local", "process", "cifar10", "resnet-8-v1", "dirty", "completed"}
    assert found.about["project_name"] == "project"


def test_the_archive_holds_every_epoch_and_the_test_results(copies):
    found = Archive(copies["no key"].tracked.archive)
    for name in ("train_loss", "validation_accuracy", "learning_rate"):
        assert found.curve(name) == [(values["epoch"], values["step"], values[name]) for values in EPOCHS]
    assert found.curve("test_accuracy") == [(2, 20, 0.75)]
    assert found.curve("recent_loss")[0] == (2, EPOCHS[0]["step"] + 1, 0.25)
    assert not found.curve("seconds_left")
    assert found.curve("test_loss") == [(2, 20, 1.6)]
    matrix = json.loads(found.assets["confusion-matrix.json"])
    assert matrix["labels"] == list(RESULTS.classes)
    assert matrix["matrix"] == [list(row) for row in RESULTS.confusion]


def test_the_archive_holds_plan_record_and_patch_and_nothing_of_the_host(copies):
    copied = copies["no key"]
    found = Archive(copied.tracked.archive)
    for path in (copied.run.plan, copied.run.record, copied.run.patch):
        assert found.assets[path.name] == path.read_bytes()
    assert set(found.assets) == {"plan.json", "record.json", "changes.patch", "code.zip", "confusion-matrix.json"}
    of_the_host = {"system_details", "os_packages", "installed_packages", "stdout", "git_metadata"}
    assert not {kind for kind, _ in found.messages} & of_the_host
    # as a word: a short name may stand by chance in the name of a temporary file
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", json.dumps(found.messages))


def test_comets_own_program_reads_the_archive(copies, tmp_path):
    command = [sys.executable, "-m", "comet_ml.scripts.comet", "offline", "--csv", "--section", "param"]
    done = subprocess.run(
        [*command, copies["no key"].tracked.archive],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    read = {row[5]: row[6] for row in csv.reader(io.StringIO(done.stdout)) if len(row) > 6}
    assert {name: read.get(name) for name in CONFIG} == {name: str(value) for name, value in CONFIG.items()}, (
        done.stdout
    )


def test_without_a_key_the_user_learns_what_to_type(copies):
    copied = copies["no key"]
    key = comet_key.experiment_key(PLANNED.run_id)
    assert copied.tracked.archive == copied.run.comet / f"{key}.zip"
    assert str(copied.tracked) == f"not sent (off: no key); to send it: comet upload {copied.tracked.archive}"
    assert copied.state() == {
        "archive": f"{key}.zip",
        "experiment_key": key,
        "online": "off: no key",
        "upload": f"comet upload {key}.zip",
        "url": None,
    }
    assert sorted(path.name for path in copied.run.comet.iterdir()) == [f"{key}.zip", "state.json"]


def test_no_comet_gets_a_password_out_of_netrc(copies):
    assert copies["server"].seen and copies["server"].passwords == []


def test_a_comet_that_answers_gets_all_of_it(copies):
    copied, seen = copies["answers"], copies["server"].seen
    assert copied.tracked.online == "delivered", copied.left()
    assert copied.tracked.url == f"http://comet.test/x/{copied.tracked.experiment_key}"
    assert str(copied.tracked) == f"delivered {copied.tracked.url}"
    assert copied.tracked.archive.exists()
    sent = b"".join(body for _, body in seen)
    paths = {path for path, _ in seen}
    assert {"/clientlib/batch/logger/experiment/metric", "/clientlib/asset/upload"} <= paths
    for expected in (PLANNED.experiment.dataset.hash, PLANNED.provenance.git.commit, "validation_accuracy", "dirty"):
        assert expected.encode() in sent


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("refuses", ""),
        ("stalls", "no answer within 13 s"),
        ("errors", ""),
        ("denies", "401"),
        ("knows no key", "[secret]"),
        ("talks nonsense", "the answer was not Comet's"),
        ("loses tags", "Failed to add tag"),
        ("goes down", ""),
        ("online killed", "killed by SIGKILL"),
    ],
)
def test_a_comet_that_fails_costs_15_seconds_at_most_and_the_archive_remains(copies, mode, why):
    copied = copies[mode]
    assert copied.tracked.online.startswith("failed: ")
    assert why in copied.tracked.online
    assert copied.seconds < 15
    assert Archive(copied.tracked.archive).others["status"] == "completed"
    assert str(copied.tracked.archive) in copied.tracked.upload
    assert copied.state()["online"] == copied.tracked.online
    begun = mode in (
        "goes down",
        "loses tags",
    )  # Comet has an experiment of that key, so the plain upload would be refused
    assert ("--force-upload" in copied.tracked.upload) == begun
    assert "\n" not in str(copied.tracked)


def test_epochs_are_handed_on_without_waiting(copies):
    seconds = [one for copied in copies.values() if isinstance(copied, Copied) for one in copied.event_seconds]
    assert statistics.median(seconds) < 0.005
    assert max(seconds) < 0.5  # what a busy machine may add


def test_the_key_reaches_no_file(copies):
    for mode in (*SERVERS, "refuses", "online killed"):
        for name, content in (copies[mode].during | copies[mode].left()).items():
            assert KEY.encode() not in content, (mode, name)
    sent = b"".join(body for _, body in copies["server"].seen)
    assert KEY.encode() in sent  # it was used


def test_the_children_reach_nothing_but_comet_and_write_nowhere_but_at_home(copies):
    folder, port = copies["audit"], copies["server"].server_port
    assert len(list(folder.glob("log.*"))) == 4  # one each without a key, two with one
    assert {tuple(where) for where in heard(folder, "socket.connect")} == {("127.0.0.1", port)}
    assert set(heard(folder, "socket.getaddrinfo")) == {"127.0.0.1"}
    assert heard(folder, "reporting") == [False] * 4
    homes = [copies[name].folder for name in ("no key", "resumed", "answers")]
    written = {Path(path) for event in ("open", "os.mkdir") for path in heard(folder, event)}
    assert len(written) > 4
    assert [path for path in written if not any(path.is_relative_to(home) for home in homes)] in (
        [],
        [Path("/dev/null")],
    )


def test_a_child_that_waits_for_an_epoch_takes_no_time_from_the_training(copies):
    assert copies["busy"] < 0.05  # of one core


def test_a_resumed_run_comes_back_to_its_own_experiment(copies):
    copied, server = copies["resumed"], copies["has it"]
    assert copied.tracked.online == "delivered", copied.left()
    found = Archive(copied.tracked.archive)
    assert [epoch for epoch, _, _ in found.curve("train_loss")] == [1, 2, 3]
    assert found.others["status"] == "completed"
    assert "failed" not in found.about["tags"]
    bodies = {path: json.loads(body) for path, body in server.seen if "logger/" in path and path.endswith("/run")}
    assert set(bodies) == {"/clientlib/logger/add/run", "/clientlib/logger/get/run"}
    key = comet_key.experiment_key(PLANNED.run_id)
    asked = (
        bodies["/clientlib/logger/add/run"]["experimentKey"],
        bodies["/clientlib/logger/get/run"]["previousExperiment"],
    )
    assert asked == (key, key)
    assert sorted(path.name for path in copied.run.comet.iterdir()) == [f"{key}.zip", "state.json"]


def test_an_offline_writer_that_was_killed_is_started_again_and_a_failed_run_is_told(copies):
    copied = copies["offline killed"]
    found = Archive(copied.tracked.archive)
    assert (found.others["status"], found.others["reason"]) == ("failed", FAILED.reason)
    assert "failed" in found.about["tags"]
    assert len(found.curve("train_loss")) == len(EPOCHS)
    assert "test_accuracy" not in {one["metricName"] for one in found.metrics}
    assert (copied.run.comet / tracker.EVENTS).exists()  # for a run that is resumed


def test_comet_refuses_the_archive_of_an_experiment_that_it_has(copies, tmp_path):
    server = Server("has it")
    command = [sys.executable, "-m", "comet_ml.scripts.comet", "upload", copies["answers"].tracked.archive]
    variables = environment(tmp_path, COMET_API_KEY=KEY, COMET_URL_OVERRIDE=server.url)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    server.close()
    assert "already exists" in done.stdout + done.stderr
    assert not [path for path, _ in server.seen if "batch" in path or "upload" in path]


def test_a_host_that_is_killed_leaves_an_archive_that_says_so_and_no_child(copies):
    comet, children = copies["orphans"]
    archive = comet / f"{comet_key.experiment_key(PLANNED.run_id)}.zip"
    assert eventually(archive.exists)
    found = Archive(archive)
    assert found.others["status"] == "interrupted"
    assert len(found.curve("train_loss")) == len(EPOCHS)
    assert eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    assert not list(comet.glob("*.part"))


def test_a_comet_that_cannot_start_fails_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    copied = Copied(tmp_path / "run", nobody()).feed().finish()
    assert copied.tracked.archive is None
    assert str(copied.tracked).startswith("not sent (failed: its process could not start); no offline archive")
    assert not list(copied.run.comet.glob("*.part"))


def test_an_offline_writer_that_cannot_be_started_again_fails_nothing(tmp_path, monkeypatch):
    copied = Copied(tmp_path / "run").feed().kill("offline")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    assert copied.finish().tracked.archive is None
    assert "no offline archive" in str(copied.tracked)


def test_a_folder_that_cannot_be_written_fails_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.RunFolder, "comet", property(lambda run: run.plan / "comet"))
    copied = Copied(tmp_path / "run").feed().finish()
    assert copied.tracked.archive is None


def test_a_folder_that_is_closed_meanwhile_fails_nothing(monkeypatch):
    monkeypatch.setattr(tracker.Tracker, "_start", lambda self, kind: None)
    with tempfile.TemporaryDirectory() as folder:
        run = run_folder.RunFolder(Path(folder))
        copies = tracker.Tracker(run, PLANNED, "project", None)
        with closed(run.path):
            copies.log_epoch({"epoch": 1.0, "step": 1.0})
            assert copies.finish(COMPLETED).archive is None


def test_the_experiment_key_is_the_runs_own_and_one_that_comet_takes():
    key = comet_key.experiment_key(PLANNED.run_id)
    assert key == comet_key.experiment_key(PLANNED.run_id) != comet_key.experiment_key("another")
    assert 32 <= len(key) <= 50
    assert key.isalnum()


@pytest.mark.parametrize(
    ("file", "text", "variables", "expected"),
    [
        (None, "", {}, False),
        (None, "", {"COMET_API_KEY": "k"}, True),
        (None, "", {"COMET_API_KEY": ""}, False),
        (".comet.config", "[comet]\napi_key = k\n", {}, True),
        (".comet.config", "[comet]\napi_key =\n", {}, False),
        (".comet.config", "[comet]\napi_key = k\n", {"COMET_API_KEY": ""}, False),
        (".env", "COMET_API_KEY=k\n", {}, True),
        ("home/.comet.config", "[comet]\nworkspace=w\napi_key=k\n", {}, True),
        ("other/.comet.config", "[comet]\napi_key=k\n", {"COMET_CONFIG": "other"}, True),
        ("other/named", "[comet]\napi_key=k\n", {"COMET_CONFIG": "other/named"}, True),
    ],
)
def test_a_key_is_looked_for_where_comet_looks(file, text, variables, expected, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "other").mkdir()
    if file:
        (tmp_path / file).write_text(text)
    monkeypatch.chdir(tmp_path)
    with acting(environment(tmp_path / "home", **variables)):
        assert comet_key.has_key() == expected
