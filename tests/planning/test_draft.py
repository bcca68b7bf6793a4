"""Drafts: the plan of a run from settings, or from an earlier run."""

import json
from pathlib import Path

from harness.contract import bundle, plan
from harness.contract.serial import from_json
from harness.data.obtain import Obtained
from harness.planning import draft, resume
from harness.runs import schema1
from harness.runs.run_folder import RunFolder
from tests.support.verbs import composed

OLD = Path(__file__).parents[1] / "runs" / "schema1_plan.json"


def test_a_resumed_run_has_the_schema_and_the_id_of_the_code_that_will_run_it(tmp_path, monkeypatch):
    old = from_json(plan.RunPlan, schema1.upgrade_plan(json.loads(OLD.read_text())))
    files = {bundle.LOCK: b""}
    monkeypatch.setattr(bundle, "code_hash", lambda files: old.experiment.code)
    monkeypatch.setattr(bundle, "lock_hash", lambda files: old.experiment.lock)
    monkeypatch.setattr(resume, "find", lambda *_: resume.Earlier(RunFolder(tmp_path), old, files))
    monkeypatch.setattr(draft.obtain, "expected", lambda *_: Obtained(tmp_path, old.experiment.dataset, "", ()))
    made = draft.make(composed("dry_run=true", "mode.runner=process"), lambda line: None, unfinished=old.run_id)
    assert (made.plan.schema, made.plan.experiment_id) == (1, old.experiment_id)
    assert made.plan.provenance.resumed == old.run_id
