"""Comet's own pages: what a run's folder fills of them, by the client's archive and by its REST interface."""

import dataclasses
import gzip
import json
import subprocess
import zipfile
from typing import Any

import pytest

from harness.contract import record, serial
from harness.contract.plan import Git
from harness.runs import run_folder
from harness.tracking import fields
from harness.tracking.child import module
from harness.tracking.complaints import Complaints
from harness.tracking.rest import Rest
from harness.tracking.tracker import QUIET, RECORDED
from tests.support.plans import PLAN
from tests.tracking.test_tracker import KEY, Server, environment

GIT = Git("c" * 40, "main", "https://example.org/project.git", True, True, None)
PLANNED = dataclasses.replace(PLAN, provenance=dataclasses.replace(PLAN.provenance, git=GIT))
PROGRAM = PLANNED.experiment.program
CODE = {
    "requirements-train.lock": b"",
    f"programs/{PROGRAM}/__init__.py": b"PROGRAM = 1\n",
    f"programs/{PROGRAM}/model.py": b"LAYERS = 3\n",
    "harness/worker/loop.py": b"",
}
COMPLETED = record.of(
    PLANNED,
    status="completed",
    weights="a" * 64,
    tensors=(("dense/kernel", "0" * 16),),
    environment={"packages": {"numpy": "2.1.0", "absent": None}},
)
EPOCHS = [{"epoch": number, "step": 10 * number, "train_loss": 1 / number} for number in (1, 2)]


@pytest.fixture
def run(tmp_path):
    """A completed run with a patch, a log and a model that describes itself."""
    run = run_folder.stage(tmp_path, PLANNED, CODE, b"--- a\n+++ b\n")
    run.log.write_text("epoch=1 train_loss=1.0\n")
    run.record.write_text(serial.dumps(COMPLETED))
    with zipfile.ZipFile(run.model(PLANNED), "w") as archive:
        archive.writestr("config.json", '{"layers": 3}')
    run.comet.mkdir()
    (run.comet / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in EPOCHS))
    return run


def copy(run, kind: str, url: str = "", **options: Any) -> None:
    """One child's copy of it."""
    scratch = run.comet / f"{kind}.part"
    scratch.mkdir()
    keyed = {"COMET_API_KEY": KEY, "COMET_URL_OVERRIDE": url} if url else {}
    surroundings = environment(run.path, COMET_OFFLINE_DIRECTORY=str(scratch), TMPDIR=str(scratch), **QUIET, **keyed)
    words = [*module("harness.tracking"), kind, str(run.path), "e" * 40, "project", "", json.dumps(options)]
    subprocess.run(words, env=surroundings, input=RECORDED, capture_output=True, check=True, timeout=60)


@pytest.mark.long
def test_the_rest_interface_gets_git_patch_command_output_and_packages_and_a_followed_run_says_nothing_twice(run):
    server = Server("answers")
    name = f"train_{PLANNED.description.objective.name}"
    server.metrics = {name: [{"metricName": name, "step": 10}]}
    try:
        copy(run, "online", server.url, here=True)
    finally:
        server.close()
    seen = [(path.rpartition("v2/")[2], body) for path, body in server.seen]
    bodies = dict(seen)
    git = json.loads(bodies["write/experiment/git/metadata"])
    assert (git["branch"], git["parent"], git["origin"]) == (GIT.branch, GIT.commit, GIT.remote)
    assert len(bodies["write/experiment/git/patch"]) > 100
    assert b"epoch=1 train_loss=1.0" in bodies["write/experiment/output"]
    details = [json.loads(body) for path, body in seen if path == "write/experiment/system-details"]
    assert {"installedPackages": ["numpy==2.1.0"]}.items() <= details[-1].items()
    assert details[0]["command"] == list(PLANNED.provenance.command)
    everything = b"".join(body for _, body in server.seen)
    assert b"LAYERS = 3" in everything
    assert b"layers" in everything  # the graph
    assert json.loads((run.comet / "online.json").read_text())["done"]
    batches = [gzip.decompress(body) for path, body in server.seen if path.endswith("logger/experiment/metric")]
    logged = [each for body in batches for each in json.loads(body)["values"] if each["metricName"] == "train_loss"]
    assert [each["step"] for each in logged] == [20]


@pytest.mark.long
def test_the_data_of_a_job_becomes_one_artifact_that_later_runs_use(run):
    data = PLANNED.experiment.dataset
    run.cloud.write_text(json.dumps({"bucket": "b", "prefix": "mine"}))
    server = Server("answers")
    try:
        for _ in range(2):
            copy(run, "online", server.url, artifact=["data", "datasets/0123"])
            assert json.loads((run.comet / "online.json").read_text())["done"]
    finally:
        server.close()
    made = [json.loads(body) for path, body in server.seen if path.endswith("artifacts/upsert")]
    assert [each["alias"] for each in made] == [[data.hash]]  # once: the second one finds it
    assert data.hash in made[0]["versionMetadata"]
    sent = [gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for _, body in server.seen]
    assert any(b"s3://b/mine/datasets/0123/" in body for body in sent)
    asked = [path for path, _ in server.seen if path.endswith("artifacts/version")]
    assert len(asked) == 3  # looked for twice, and read back once


def test_an_archive_holds_as_much_as_its_format_can(run):
    copy(run, "offline", here=True, model="mine")
    (archive,) = run.comet.glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        messages = [json.loads(line) for line in opened.read("messages.json").splitlines()]
        contents = [opened.read(name) for name in opened.namelist()]
    kinds = {each["type"] for each in messages}
    assert {"graph", "file_name", "file_upload", "metric_msg"} <= kinds
    payloads = [each["payload"] for each in messages]
    assert {"file_name": f"src/programs/{PROGRAM}/__init__.py"}.items() <= next(
        each for each in payloads if "file_name" in each
    ).items()
    assert b"LAYERS = 3\n" in contents and any(b"epoch=1" in each for each in contents)
    names = {each["metric"]["metricName"] for each in payloads if "metric" in each}
    assert any(name.startswith("sys.cpu") for name in names)
    assert run.model(PLANNED).read_bytes() in contents
    (info,) = [each["value"] for each in payloads if each.get("key") == "dataset_info"]
    assert PLANNED.experiment.dataset.hash in info


def test_what_a_machine_does_is_not_told_of_a_run_that_trains_elsewhere(run, monkeypatch):
    copy(run, "offline", here=False)
    (archive,) = run.comet.glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        assert b"sys.cpu" not in opened.read("messages.json")
        assert run.model(PLANNED).read_bytes() not in [opened.read(name) for name in opened.namelist()]


def test_what_the_rest_interface_refuses_is_missing_and_no_more(capsys):
    def refuse(api):
        raise ValueError("no")

    complaints = Complaints(0)
    rest = Rest("e" * 40, complaints)
    rest._api = object()
    assert rest.ask(refuse) is None and not complaints.deaf
    assert rest.ask(lambda api: "again") is None  # once is enough


def test_a_model_that_does_not_describe_itself_has_its_tensors_for_a_graph(run):
    run.model(PLANNED).write_bytes(b"weights")
    assert fields.graph(run) == "dense/kernel"
    run.record.unlink()
    assert fields.graph(run) is None
