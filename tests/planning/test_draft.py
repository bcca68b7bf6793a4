"""Drafts: the plan of a run from settings, or from an earlier run."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from harness.contract import atomic, bundle, plan
from harness.contract.errors import SettingError
from harness.contract.serial import from_json
from harness.data.obtain import Obtained
from harness.planning import draft, resume
from harness.provenance.repository import GitState
from harness.runs import schema1
from harness.runs.run_folder import RunFolder
from harness.sweep import group
from tests.support.plans import DESCRIPTION, EXPERIMENT, NOW, PLACEMENT
from tests.support.verbs import composed

SECRET = "ghp_" + "Zx9Qm2Lk7Vt4Rw8Ny3Bd" + "5Hc1Jf6Ps0Ga"
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


@pytest.mark.parametrize("begin", [lambda settings: draft.make(settings, lambda line: None), group.common])
def test_a_setting_that_holds_a_secret_is_refused_before_it_names_a_folder(tmp_path, monkeypatch, begin):
    monkeypatch.setenv("FORGE_TOKEN", SECRET)
    settings = composed(f"runs_folder={tmp_path}/${{oc.env:FORGE_TOKEN}}/runs")
    with pytest.raises(SettingError, match="runs_folder holds a secret") as told:
        begin(settings)
    assert SECRET not in str(told.value) and not list(tmp_path.iterdir())


def test_a_plan_says_what_was_typed_without_its_secrets_and_in_which_sweep_and_environment(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "planted+token/value")
    monkeypatch.setattr(sys, "argv", ["src/train.py", "comet.project=planted+token/value", "mode=local"])
    origin = draft.Origin(GitState(None, b"", ("a (b)",), ("c",)), resumed="r", replays="s", sweep="mine")
    planned = draft.assemble(EXPERIMENT, DESCRIPTION, PLACEMENT, origin, NOW)
    found = planned.provenance
    assert found.command == ("train.py", "comet.project=[secret]", "mode=local")
    assert (found.resumed, found.replays, found.sweep) == ("r", "s", "mine")
    assert (found.withheld, found.unknown, found.created) == (("a (b)",), ("c",), "2026-01-02T03:04:05+00:00")
    assert found.environment_lock == atomic.sha256(draft.ROOT / "requirements.lock")


def test_a_secret_that_is_typed_as_a_setting_is_refused(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "planted+token/value")
    settings = composed("mode.runner=process")
    draft.refuse_secrets(settings)
    with pytest.raises(SettingError, match=r"comet\.workspace holds a secret") as error:
        comet = dataclasses.replace(settings.comet, workspace="planted+token/value")
        draft.refuse_secrets(dataclasses.replace(settings, comet=comet))
    assert "planted" not in str(error.value)
