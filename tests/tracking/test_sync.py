"""Comet after the runs: archives that are uploaded once, and a run that is brought back from Comet by its key."""

import contextlib
import dataclasses
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.contract import plan, serial
from harness.contract.errors import NotReady
from harness.runs import stored
from harness.settings.project import ROOT
from harness.sharing import find, run_archive
from harness.tracking.key import experiment_key
from tests.tracking.test_tracker import COMPLETED, KEY, NETRC, PLANNED, Copied, Server, acting, environment, nobody

pytestmark = pytest.mark.long  # each copy is one of Comet's own client


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A finished run whose archive waits."""
    return Copied(tmp_path_factory.mktemp("sync") / "runs").feed().finish()


def synchronise(made: Copied, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "src/sync.py", f"runs_folder={made.folder}"],
        cwd=ROOT,
        env=environment(made.folder, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


@contextlib.contextmanager
def serving(mode):
    server = Server(mode)
    try:
        yield server
    finally:
        server.close()


def opened(server: Server) -> int:
    """How many experiments were begun there."""
    return sum(path.endswith("logger/add/run") for path, _ in server.seen)


@pytest.mark.long
def test_an_archive_is_uploaded_once_and_tried_again_where_that_failed(copied):
    before, said = copied.state(), ""
    done = synchronise(copied)
    assert (done.returncode, done.stdout) == (2, "") and "no Comet API key" in done.stderr
    done = synchronise(copied, COMET_API_KEY=KEY, COMET_URL_OVERRIDE=nobody())
    said += done.stdout + done.stderr
    assert done.returncode == 1 and f"not uploaded {copied.run.path.name}: " in done.stdout
    assert copied.state()["upload"] == before["upload"]
    with serving("answers") as server:
        done = synchronise(copied, COMET_API_KEY=KEY, COMET_URL_OVERRIDE=server.url)
        said += done.stdout + done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"uploaded  {copied.run.path.name}" in done.stdout and "1 of 1 archives uploaded" in done.stdout
        names = {path.rpartition("/")[2] for path, _ in server.seen}
        assert server.passwords == []  # of the home's .netrc
        assert opened(server) == 1 and any(b"validation_accuracy" in body for _, body in server.seen), names
        assert (copied.state()["online"], copied.state()["upload"]) == ("delivered", None)
        done = synchronise(copied, COMET_API_KEY=KEY, COMET_URL_OVERRIDE=server.url)
        assert done.returncode == 0 and "nothing to upload" in done.stdout
        assert opened(server) == 1
    assert f"uploaded  {copied.run.path.name}" in said and KEY not in said + done.stdout + done.stderr


@pytest.mark.long
def test_one_that_somebody_uploaded_by_hand_is_present(tmp_path):
    made = Copied(tmp_path / "runs").feed().finish()
    with serving("has it") as server:
        done = synchronise(made, COMET_API_KEY=KEY, COMET_URL_OVERRIDE=server.url)
    assert done.returncode == 0, done.stdout
    assert f"present   {made.run.path.name}" in done.stdout
    assert made.state()["upload"] is None


def test_two_programs_do_not_upload_the_same(copied):
    state = copied.run.comet / "state.json"
    before = state.read_text()
    state.write_text(json.dumps({**copied.state(), "upload": "comet upload x"}))
    holder = (
        "import fcntl,sys; lock = open(sys.argv[1], 'a'); fcntl.flock(lock, fcntl.LOCK_EX); print('held', flush=True);"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, str(copied.folder / ".sync.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        done = synchronise(copied, COMET_API_KEY=KEY, COMET_URL_OVERRIDE=nobody())
        child.stdin.close()
    state.write_text(before)
    assert done.returncode == 2 and "another program" in done.stderr


def test_the_archive_gives_the_run_back(copied, tmp_path):
    (archive,) = copied.run.comet.glob("*.zip")
    found = stored.read(run_archive.open_comet(archive, tmp_path))
    assert found.plan == PLANNED
    assert serial.dumps(found.record) == copied.run.record.read_text()
    assert (found.folder.code / "requirements-train.lock").exists()
    assert found.folder.patch.read_bytes() == copied.run.patch.read_bytes()


class Api(ThreadingHTTPServer):
    """As much of Comet's REST API as gives out an experiment's files, and keeps what it is told of one."""

    def __init__(self, files: dict[str, bytes], key: str) -> None:
        def answer(path: str, asked: dict[str, list[str]]) -> tuple[int, bytes]:
            if path.endswith("isAlive/ver"):
                return 200, b'{"version": "4.0.0"}'
            if asked.get("experimentKey") != [key]:
                return 400, b'{"msg": "no such experiment", "code": 400}'
            if path.endswith("experiment/metadata"):
                names = {"workspaceName": "w", "projectName": "p", "experimentKey": key}
                return 200, json.dumps({**names, "startTimeMillis": 0, "endTimeMillis": 1}).encode()
            if path.endswith("asset/list"):
                return 200, json.dumps({"assets": [{"assetId": name, "fileName": name} for name in files]}).encode()
            return 200, files[asked["assetId"][0]]

        self.sent: list[str] = []
        self.told: list[tuple[str, dict[str, object]]] = []
        sent, heard = self.sent, self.told

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sent.append(self.headers.get("Authorization") or "")
                parts = urlsplit(self.path)
                status, content = answer(parts.path, parse_qs(parts.query))
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if content[:1] in b"{[" else "application/zip")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                heard.append((urlsplit(self.path).path, json.loads(content)))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/clientlib/"


PROGRAM = """
import sys
from pathlib import Path
from harness import console
from harness.sharing import find
def run():
    print(find.find(Path("none"), sys.argv[1], Path(sys.argv[2])).run_id)
    return 0
sys.exit(console.main(run))
"""


def test_comet_gives_a_run_back_by_its_key(copied, tmp_path):
    key = experiment_key(PLANNED.run_id)
    same = {"experiment_id": plan.experiment_id(PLANNED.experiment)}
    planned, found = (serial.dumps(dataclasses.replace(each, **same)).encode() for each in (PLANNED, COMPLETED))
    server = Api({"plan.json": planned, "record.json": found, "other": b"x"}, key)
    try:
        told = [ask(server, key, tmp_path / "one"), ask(server, "0" * 40, tmp_path / "two")]
    finally:
        server.shutdown()
        server.server_close()
    assert (told[0].returncode, told[0].stdout) == (0, PLANNED.run_id + "\n"), told[0].stderr
    assert told[1].returncode == 2 and "Comet knows no experiment 000000" in told[1].stderr
    assert told[1].stderr.count("\n") == 1
    assert server.sent and not [each for each in server.sent if each.lower().startswith("basic")]


TAG = """
import sys
from types import SimpleNamespace
from harness.sharing import promote
promote.tell_comet(SimpleNamespace(run_id=sys.argv[1]), "promoted/tiny/3", print)
"""


def test_comet_gets_the_tag_of_a_run_that_is_put_in_force_and_a_refusal_is_only_said(copied, tmp_path):
    server = Api({}, experiment_key(PLANNED.run_id))
    try:
        told = [ask(server, run_id, tmp_path / run_id, TAG) for run_id in (PLANNED.run_id, "another")]
    finally:
        server.shutdown()
        server.server_close()
    assert (told[0].returncode, told[0].stdout) == (0, "comet     tagged promoted/tiny/3\n"), told[0].stderr
    assert told[1].returncode == 0 and "comet     not tagged: Comet knows no experiment" in told[1].stdout
    ((path, body),) = [each for each in server.told if "tag" in each[0]]
    assert body == {"experimentKey": experiment_key(PLANNED.run_id), "addedTags": ["promoted/tiny/3"]}, path


def ask(server: Api, key: str, scratch, program: str = PROGRAM) -> "subprocess.CompletedProcess[str]":
    scratch.mkdir()
    (scratch / ".netrc").write_text(NETRC)
    variables = {"COMET_API_KEY": KEY, "COMET_URL_OVERRIDE": server.url, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", program, key, str(scratch)]
    return subprocess.run(command, env=environment(scratch, **variables), capture_output=True, text=True, check=False)


def test_without_an_api_key_a_key_is_looked_for_here_alone(tmp_path):
    with acting(environment(tmp_path)), pytest.raises(NotReady, match="without an API key"):
        find.find(tmp_path, "0" * 40, tmp_path)
