"""What a run says before and after, by its own description."""

import dataclasses

import pytest

from harness.contract import plan, program, serial
from harness.contract import record as records
from harness.contract.errors import SettingError
from harness.contract.program import Program
from harness.contract.source import Sample, Source
from harness.finish import summary
from tests.support.plans import DATASET, DESCRIPTION
from tests.support.records import FOREST, RESULTS, completed, plan_of, stage


def said(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def on_sample(planned):
    dataset = dataclasses.replace(DATASET, name="sample-rows", sample=True)
    experiment = dataclasses.replace(planned.experiment, dataset=dataset)
    return dataclasses.replace(planned, experiment=experiment)


def test_a_run_is_announced_by_program_and_what_it_trains(tmp_path, capsys):
    planned = plan_of(FOREST)
    summary.announce(planned, stage(tmp_path, planned, None))
    lines = said(capsys)
    assert "program   mine: 10 trees" in lines and "target    process (asked for), 2 threads" in lines
    assert not [line for line in lines if "SAMPLE" in line]


@pytest.mark.parametrize(
    ("description", "results", "line"),
    [
        (FOREST, None, "error     train 12.5 %, validation 12.5 %, test 12.5 %"),
        (DESCRIPTION, RESULTS, "accuracy  train 0.5000, validation 0.5000, test 0.5000"),
    ],
)
def test_the_deciding_metric_is_named_with_each_part_of_the_data(tmp_path, capsys, description, results, line):
    planned = plan_of(description)
    record = completed(planned, 12.5)
    record = dataclasses.replace(record, results=results or record.results)
    summary.summarise(record, stage(tmp_path, planned, record), "off", 1.0)
    assert line in said(capsys)


def test_a_failed_run_says_why_and_how_it_is_resumed(tmp_path, capsys):
    planned = plan_of(FOREST)
    record = dataclasses.replace(completed(planned, 1.0), status="failed", reason="out of memory", results=None)
    run = stage(tmp_path, planned, record)
    (run.checkpoints / "step-000000005.ckpt").write_bytes(b"")
    summary.summarise(record, run, "off", 1.0)
    lines = said(capsys)
    assert "FAILED    out of memory" in lines and f"checkpoints {run.checkpoints}" in lines
    assert f"resume    python src/train.py resume={planned.run_id}" in lines
    assert not [line for line in lines if line.startswith("error")]


@pytest.mark.parametrize(
    ("left", "price", "more", "cap"),
    [
        (3300.0, 3.6, "about 3.60 USD more, a start included", " mode.max_usd=5.58"),  # 5 + 55 minutes; 90 and the end
        (60.0, 3.6, "about 0.36 USD more, a start included", " mode.max_usd=0.84"),  # the least that is allowed
        (None, 3.6, "unknown what more it costs", ""),
        (3300.0, None, "unknown what more it costs", ""),
    ],
)
def test_a_run_whose_cap_was_reached_says_what_more_it_costs(tmp_path, capsys, left, price, more, cap):
    planned = plan_of(FOREST)
    away = plan.Cloud("us-east-1", True, True, 0, 30, 7200, 10.0, price, None, "project", None)
    planned = dataclasses.replace(planned, placement=dataclasses.replace(planned.placement, mode="cloud", cloud=away))
    bill = records.Bill("job", "us-east-1", "MaxRuntimeExceeded", 1, 7200, 7200, None, 7.2)
    stopped = {"status": "failed", "reason": "too long", "results": None, "bill": bill}
    record = dataclasses.replace(completed(planned, 1.0), placement=planned.placement, **stopped)
    run = stage(tmp_path, planned, record)
    (run.checkpoints / "step-000000005.ckpt").write_bytes(b"")
    summary.summarise(record, run, "off", 1.0, left)
    lines = said(capsys)
    assert f"to finish {more}; it resumes from the newest checkpoint" in lines
    assert f"resume    python src/train.py mode=cloud resume={planned.run_id}{cap}" in lines


@pytest.mark.parametrize("job", ["", "[]", "{}", "[" * 100_000, '{"bucket": "b", "prefix": "p\\u001b[2J"}'])
def test_whatever_is_wrong_with_a_jobs_file_a_failed_run_says_how_it_is_resumed(tmp_path, capsys, job):
    planned = plan_of(FOREST)
    record = dataclasses.replace(completed(planned, 1.0), status="failed", reason="why", results=None)
    run = stage(tmp_path, planned, record)
    (run.checkpoints / "step-000000005.ckpt").write_bytes(b"")
    run.cloud.write_text(job)
    summary.summarise(record, run, "off", 1.0)
    lines = said(capsys)
    assert f"resume    python src/train.py resume={planned.run_id}" in lines
    also = f", and s3://b/p\\x1b[2J/runs/{run.path.name}/checkpoints" if "bucket" in job else ""
    assert f"checkpoints {run.checkpoints}{also}" in lines


def test_the_samples_warning_is_the_programs_and_survives_it(tmp_path, capsys, monkeypatch):
    planned = on_sample(plan_of(FOREST))
    run = stage(tmp_path, planned, None)
    source = Source(sample=Sample("sample-rows", "h", lambda folder: DATASET, "SAMPLE DATA: ten rows"))
    owner = Program(object, (), None, lambda: source)  # type: ignore[arg-type]
    monkeypatch.setattr(program, "load", lambda name: owner)
    summary.announce(planned, run)
    assert said(capsys)[0] == "SAMPLE DATA: ten rows"

    def gone(name):
        raise SettingError("gone")

    monkeypatch.setattr(program, "load", gone)
    summary.summarise(completed(planned, 1.0), run, "off", 1.0)
    lines = said(capsys)
    assert lines[-1] == "SAMPLE DATA: the bundled sample-rows stood in for the real data"
    assert any(line.endswith("(bundled sample)") for line in lines)
    assert serial.dumps(planned)
