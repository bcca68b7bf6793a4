"""Plans, records and metrics that anyone may have written: held to their types and limits at the one door."""

import dataclasses
import json
import os

import pytest

from harness.contract import identity, record, serial
from harness.contract.errors import DataError, NotReady
from harness.evidence import baseline
from harness.report import gather
from harness.runs import program_of, reading, run_folder, stored
from harness.runs.run_folder import RunFolder
from tests.support.plans import PLAN
from tests.support.records import RESULTS, leave

COMPLETED = record.of(PLAN, status="completed", results=RESULTS, weights="0" * 64)


def changed(value, path, new):
    tree = json.loads(serial.dumps(value))
    *parents, last = path.split(".")
    inner = tree
    for name in parents:
        inner = inner[int(name)] if name.isdecimal() else inner[name]
    inner[last] = new
    return json.dumps(tree)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("run_id", "../up"),
        ("run_id", "/abs"),
        ("run_id", "x\x1b[2J"),
        ("run_id", "a" * 300),
        ("run_id", ""),
        ("experiment_id", "z" * 64),
        ("experiment.program", "../x"),
        ("experiment.code", "--lock"),
        ("experiment.lock", "c" * 63),
        ("experiment.dataset.hash", "/somebody/you"),
        ("experiment.dataset.hash", "../../" + "0" * 32 + ".dir"),
        ("experiment.dataset.hash", "0" * 32 + ".dir\n"),
        ("experiment.dataset.name", "a/b"),
        ("experiment.dataset.name", "\ud800"),
        ("experiment.dataset.size", -5),
        ("experiment.dataset.files.0.path", "../../x"),
        ("experiment.dataset.files.0.path", "/etc/passwd"),
        ("experiment.dataset.files.0.path", "a\nb"),
        ("experiment.dataset.files.0.md5", "../../../x"),
        ("experiment.config.learning_rate", 10**400),
        ("experiment.config.text", "\x1b]52;c;ZXZpbA==\x07"),
        ("experiment.config.text", "x" * 2000),
        ("experiment.config", {"a'\"]b": 1}),
        ("description.model", "../model"),
        ("description.metrics", []),
        ("placement.instance_count", 5000),
        ("placement.threads", -1),
        ("placement.mode", "elsewhere"),
        ("provenance.git.commit", "--lock"),
        ("provenance.created", "yesterday"),
        ("provenance.resumed", "../x"),
        ("provenance.sweep", "../x"),
        ("schema", 99),
    ],
)
def test_a_plan_with_a_part_that_is_no_such_thing_is_refused_and_named(tmp_path, path, value):
    (tmp_path / "plan.json").write_text(changed(PLAN, path, value))
    with pytest.raises(ValueError, match=path.partition(".")[0]):
        run_folder.read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "[" * 100_000, "\0\1", '{"schema": NaN}', '{"schema": 1e999}', "9" * 5000, " " * 2**25],
    ids=["empty", "list", "null", "deep", "binary", "nan", "infinite", "digits", "large"],
)
def test_what_is_no_plan_is_refused_without_a_traceback(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(ValueError):  # each says something else
        run_folder.read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("status", "exploded", "status"),
        ("started", "x", "started"),
        ("seconds", {"train": -1.0}, "seconds"),
        ("artifacts", {"../x": "0" * 64}, "artifacts"),
        ("tensors", [["one"]], "tensors"),
        ("environment", {"gpus": [{"name": "x"}]}, "environment"),
        ("results.metrics.test_accuracy", 5.0, "share"),
        ("results.metrics.train_accuracy", -0.5, "share"),
        ("results.metrics.test_accuracy", 0.123456, "no share of 100"),
        ("results.examples", 1, "confusion matrix counts 100 of 1"),
        ("results.confusion", [[1]], "does not fit its classes"),
    ],
)
def test_a_record_whose_numbers_cannot_be_is_refused(tmp_path, path, value, words):
    (tmp_path / "record.json").write_text(changed(COMPLETED, path, value))
    with pytest.raises(ValueError, match=words):
        run_folder.read_record(tmp_path / "record.json")


def test_text_that_would_act_on_a_terminal_is_spelled_out(tmp_path):
    text = changed(COMPLETED, "reason", "x\u2028y\x1b[2J\ud800\u202e")
    (tmp_path / "record.json").write_text(text)
    assert run_folder.read_record(tmp_path / "record.json").reason == r"x\u2028y\x1b[2J\ud800\u202e"


@pytest.mark.parametrize(
    "rows",
    [
        "epoch,step,train_loss\n1,2\n",
        "epoch,step\n1,2,3\n",
        "epoch,step\nnan,1\n",
        "epoch,step\n1e999,1\n",
        "epoch,step\nx,y\n",
        "epoch,step\n1,\0\n",
        "epoch,step\n1," + "9" * 200_000 + "\n",
        'epoch,step\n1,"2\n' + "x" * 200_000,
        "a,b\n1,2\n",
        "epoch,st\xe9p\n1,2\n",
    ],
)
def test_a_run_with_torn_metrics_is_named_and_hides_no_other(tmp_path, rows):
    good, bad = leave(tmp_path, 0, seed=0), leave(tmp_path, 1, seed=1)
    bad.metrics.write_bytes(rows.encode("latin-1"))
    readable, unreadable = stored.everything(tmp_path)
    assert [run.run_id for run in readable] == [good.path.name]
    assert len(unreadable) == 1
    assert bad.path.name in unreadable[0]


@pytest.mark.parametrize("name", ["plan.json", "record.json"])
@pytest.mark.parametrize("what", ["folder", "link", "loop", "pipe", "link to a file"])
def test_a_run_whose_files_are_none_hides_no_other(tmp_path, name, what):
    good, bad = leave(tmp_path, 0, seed=0), leave(tmp_path, 1, seed=1)
    path = bad.path / name
    path.rename(tmp_path / "away")
    {
        "folder": path.mkdir,
        "link": lambda: path.symlink_to("/nowhere"),
        "loop": lambda: path.symlink_to(path.name),
        "pipe": lambda: os.mkfifo(path),
        "link to a file": lambda: path.symlink_to(tmp_path / "away"),
    }[what]()
    readable, unreadable = stored.everything(tmp_path)
    assert good.path.name in [run.run_id for run in readable]
    assert len(readable) + len(unreadable) == 2
    assert baseline.band(tmp_path, readable[0])
    assert gather.table(tmp_path, [], tmp_path / "scratch")["unreadable"] == unreadable


def test_what_a_killed_program_left_under_a_temporary_name_is_no_run(tmp_path):
    good, part = leave(tmp_path, 0, seed=0), leave(tmp_path, 1, seed=1)
    part.path.rename(tmp_path / f".{part.path.name}.4242.part")
    assert [run.run_id for run in stored.everything(tmp_path)[0]] == [good.path.name]
    assert stored.named(tmp_path, "last").run_id == good.path.name


@pytest.mark.parametrize("name", ["", "?", "*", "**", "[", "x" * 300, "\x1b[2J", "../x", "/nowhere"])
def test_an_odd_name_takes_no_run(tmp_path, name):
    leave(tmp_path)
    with pytest.raises(NotReady, match="no such run") as error:
        stored.named(tmp_path, name)
    assert "\x1b" not in str(error.value)
    assert program_of.program_of(tmp_path, name) is None


def test_code_that_is_a_link_or_holds_one_is_not_read(tmp_path):
    run = leave(tmp_path)
    assert reading.code(run.code)
    (run.code / "harness" / "more.py").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match=r"more.py is a link"):
        reading.code(run.code)
    run.code.rename(tmp_path / "code")
    run.code.symlink_to(tmp_path / "code")
    with pytest.raises(ValueError, match="code is a link"):
        reading.code(run.code)


def test_data_with_a_loop_or_a_pipe_or_an_odd_name_is_named_and_does_not_hang(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "x").write_text("x")
    os.mkfifo(data / "pipe")
    with pytest.raises(DataError, match="pipe is no file"):
        identity.identify(data, "custom")
    (data / "pipe").unlink()
    (data / "a").symlink_to(".")
    (data / "b").symlink_to(".")
    with pytest.raises(DataError, match="link to a folder above it"):
        identity.identify(data, "custom")
    (data / "a").unlink()
    (data / "b").unlink()
    (data / "a\nb").write_text("x")
    with pytest.raises(DataError, match="cannot be the name"):
        identity.identify(data, "custom")


def test_a_record_as_it_is_written_is_read_back(tmp_path):
    (tmp_path / "record.json").write_text(serial.dumps(COMPLETED))
    assert run_folder.read_record(RunFolder(tmp_path).record) == COMPLETED
    failed = dataclasses.replace(COMPLETED, status="failed", results=None, reason="why")
    (tmp_path / "record.json").write_text(serial.dumps(failed))
    assert run_folder.read_record(RunFolder(tmp_path).record) == failed
