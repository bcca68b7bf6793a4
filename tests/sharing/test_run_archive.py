"""A run as one file, described by the run itself, and found again by its name."""

import dataclasses
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
import yaml

from harness.contract import atomic, serial
from harness.contract.errors import NotReady
from harness.runs import stored
from harness.settings.project import ROOT
from harness.sharing import find, run_archive
from tests.support.planted import of, planted
from tests.support.records import BIGRAMS, FOREST, completed, plan_of, stage

SCHEMA_1 = ROOT / "tests" / "runs" / "run-schema-1.zip"  # exported by version 0.1.0


@pytest.fixture
def run(tmp_path):
    """A run of a program that this project does not have, with a model and two plots."""
    planned = plan_of(FOREST)
    folder = stage(tmp_path / "runs", planned, completed(planned, 12.5))
    folder.model(planned).write_bytes(b"PK\x03\x04\0")
    for name in ("learning_curve.svg", "trees.png", "notes.md"):
        (folder.path / name).write_bytes(name.encode())
    (folder.checkpoints / "picture.png").write_bytes(b"")
    (folder.code / "figure.png").write_bytes(b"of the code")
    return stored.read(folder)


def packed(run, model=True):
    content = run_archive.pack(run, ROOT, model, "")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return content, {name: archive.read(name) for name in archive.namelist()}


def described(files):
    graph = json.loads(files["ro-crate-metadata.json"])["@graph"]
    return {each["@id"]: each for each in graph}


def test_an_archive_holds_the_programs_model_and_every_plot(run):
    content, files = packed(run)
    plots = {"learning_curve.svg", "trees.png"}
    assert {"plan.json", "record.json", "metrics.csv", "forest.bin", *plots} <= set(files)
    assert not {"notes.md", "checkpoints/picture.png", "picture.png"} & set(files)
    assert packed(run)[0] == content
    assert "forest.bin" not in packed(run, model=False)[1]


@pytest.mark.parametrize("where", ["plan.json", "record.json", "code/more.py", "metrics.csv", "trees.png", "a.svg"])
def test_a_file_with_a_secret_is_refused_by_its_name_and_the_kind(run, where):
    line, secret = planted("GitHub classic")
    path = run.folder.path / where
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(f"# {line}".encode())
    with pytest.raises(NotReady, match=rf"{where} of {run.run_id} holds a secret \(GitHub token\)") as raised:
        packed(run)
    assert secret not in str(raised.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_model_is_looked_into(run, method):
    with zipfile.ZipFile(run.model, "w", method) as archive:
        archive.writestr("config.json", planted("Hugging Face")[0] * 20)
    assert packed(run, model=False)
    with pytest.raises(NotReady, match=r"forest.bin .*Hugging Face"):
        packed(run)


def test_bytes_that_only_chance_makes_look_like_a_password_are_packed(run):
    run.model.write_bytes(b"\0\1://a:" + b"bcd@efgh\xff" * 100 + os.urandom(2**20))
    assert packed(run)


@pytest.mark.parametrize("sign", ["+", "-", " "])
def test_a_patch_with_a_secret_in_any_of_its_lines_is_refused_by_the_file_in_it(run, sign):
    line, secret = planted("password in YAML")
    parts = ["diff --git a/conf/a.yaml b/conf/a.yaml", "--- a/conf/a.yaml", "+++ b/conf/a.yaml", "@@ -1 +1 @@"]
    run.folder.patch.write_text("\n".join([*parts, f"{sign}{line}", ""]))
    with pytest.raises(NotReady, match=r"changes.patch of .* \(conf/a.yaml: password or key\)") as raised:
        packed(run)
    assert secret not in str(raised.value)


def test_a_name_that_is_a_secret_is_not_told(run):
    _, secret = planted("GitLab")
    run.folder.path.joinpath("code", f"{secret}.py").write_text("x")
    with pytest.raises(NotReady, match=r"a file of .* holds a secret") as raised:
        packed(run)
    assert secret not in str(raised.value)


def test_a_log_is_packed_without_its_secrets_and_that_is_said(run, monkeypatch):
    line, secret = planted("netrc")
    monkeypatch.setenv("MY_TOKEN", own := of("export", 20))
    run.folder.log.write_text(f"a\n{line}\n{own}\nb\n")
    said = []
    with zipfile.ZipFile(io.BytesIO(run_archive.pack(run, ROOT, True, "", said.append))) as archive:
        log = archive.read("log.txt").decode()
    assert log == f"a\n{line.replace(secret, '[secret]')}\n[secret]\nb\n"
    assert said == ["redacted  log.txt: it held what looks like a secret"]


def test_its_description_speaks_of_what_was_trained(run):
    entities = described(packed(run)[1])
    assert entities["./"]["description"].startswith("10 trees trained on cifar-10, test error 12.5 %; ")
    assert entities["metrics.csv"]["description"] == "Training and validation error after each epoch"
    assert entities["forest.bin"]["encodingFormat"] == "application/zip"
    results = {each["@id"] for each in entities["#run"]["result"]}
    assert results == {"record.json", "metrics.csv", "forest.bin", "learning_curve.svg", "trees.png"}


def test_an_archive_gives_the_run_back(run, tmp_path):
    path = tmp_path / "run.zip"
    path.write_bytes(packed(run)[0])
    (tmp_path / "scratch").mkdir()
    again = find.find(tmp_path / "none", str(path), tmp_path / "scratch")
    assert (again.plan, again.record, again.epochs) == (run.plan, run.record, run.epochs)
    assert again.model.read_bytes() == b"PK\x03\x04\0"


def test_a_plan_that_was_edited_is_refused_whatever_its_schema(run, tmp_path):
    edited = serial.to_json(run.plan)
    edited["experiment"]["config"]["seed"] = 7
    run.folder.plan.write_text(json.dumps(edited))
    with pytest.raises(NotReady, match="its plan was changed"):
        find.find(tmp_path / "runs", run.run_id, tmp_path)
    first = Path(__file__).parents[1] / "runs"
    old = dict(json.loads((first / "schema1_plan.json").read_text()))
    for seed, fits in ((0, True), (7, False)):
        old["experiment"]["config"]["seed"] = seed
        (tmp_path / "plan.json").write_text(json.dumps(old))
        (scratch := tmp_path / str(seed)).mkdir()
        if fits:
            assert find.find(tmp_path / "none", str(tmp_path / "plan.json"), scratch).plan.schema == 1
        else:
            with pytest.raises(NotReady, match="its plan was changed"):
                find.find(tmp_path / "none", str(tmp_path / "plan.json"), scratch)


def test_a_plan_alone_gets_the_record_of_its_experiment(run, tmp_path):
    other = plan_of(BIGRAMS, program="another", minutes=5)
    stage(tmp_path / "runs", other, completed(other, 80.0))
    alone = tmp_path / "alone.json"
    alone.write_text(serial.dumps(dataclasses.replace(run.plan, run_id="20260909T000000Z-x")))
    (tmp_path / "scratch").mkdir()
    assert find.find(tmp_path / "runs", str(alone), tmp_path / "scratch").record == run.record


def test_a_run_with_a_secret_of_the_environment_is_not_exported(run, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "planted+token/value")
    run.folder.log.write_text("it said planted+token/value, and went on\n")
    files = packed(run)[1]
    assert files["log.txt"] == b"it said [secret], and went on\n"
    (run.folder.path / "predictions.csv").write_text("image,text\n1,planted+token/value\n")
    with pytest.raises(NotReady, match=r"predictions\.csv of .* holds a secret \(value of your environment"):
        packed(run)


def test_an_archive_holds_the_pin_of_the_data_and_the_lock_of_its_own_host_alone(run):
    files = packed(run)[1]
    data = run.plan.experiment.dataset
    assert yaml.safe_load(files["data.dvc"]) == {
        "outs": [{"md5": data.hash, "size": 10, "nfiles": 1, "hash": "md5", "path": "data"}]
    }
    assert "requirements.lock" not in files
    lock = atomic.sha256(ROOT / "requirements.lock")
    provenance = dataclasses.replace(run.plan.provenance, environment_lock=lock)
    here = dataclasses.replace(run, plan=dataclasses.replace(run.plan, provenance=provenance))
    assert packed(here)[1]["requirements.lock"] == (ROOT / "requirements.lock").read_bytes()


@pytest.mark.parametrize(("status", "word"), [("completed", "Completed"), ("failed", "Failed"), ("pruned", "Failed")])
def test_its_description_says_how_the_run_ended(run, status, word):
    record = dataclasses.replace(run.record, status=status, reason=None if status == "completed" else "no memory")
    action = described(packed(dataclasses.replace(run, record=record))[1])["#run"]
    assert action["actionStatus"] == f"http://schema.org/{word}ActionStatus"
    assert action.get("error") == record.reason


def test_an_altered_file_in_an_archive_is_named(run, tmp_path):
    files = packed(run)[1]
    files["metrics.csv"] += b"9,9,0.1,00ff\n"
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(NotReady, match=r"metrics\.csv is not the file that ro-crate-metadata\.json describes"):
        find.find(tmp_path, str(tmp_path / "run.zip"), tmp_path / "scratch")


def test_an_archive_has_no_time_of_its_own(run):
    content, files = packed(run)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert list(files) == sorted(files)


def test_an_archive_of_schema_1_is_read_and_exported_again(tmp_path):
    (tmp_path / "scratch").mkdir()
    old = find.find(tmp_path, str(SCHEMA_1), tmp_path / "scratch")
    assert old.record is not None and old.record.value("test") == pytest.approx(0.3698, abs=1e-4)
    assert len(old.epochs) == 2
    files = packed(old, model=False)[1]
    assert {"worst_images.png", "learning_curve.png"} <= set(files)
    assert files["plan.json"] == old.folder.plan.read_bytes()
    description = described(files)["./"]["description"]
    assert description.startswith("ResNet-8 v1 trained on sample-digits, test accuracy 0.3698; ")
