"""Optuna's file of a search: damaged, of another version, and what decides which settings are tried."""

import dataclasses

import pytest

from harness.contract.errors import NotReady, SettingError
from harness.contract.metrics import Metric
from harness.settings.sweeps import Tuning
from harness.sweep import study

TUNING = Tuning(n_trials=2, n_jobs=1, sampler="tpe", pruner="none", n_startup_trials=1, n_warmup_epochs=1, seed=0)
METRIC = Metric("error", "lower")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_one_line(tmp_path, content):
    path = tmp_path / "o.db"
    path.write_bytes(content)
    with pytest.raises(NotReady, match="cannot be used as the memory of a search") as told:
        study.open_study(path, "o", "d", TUNING, METRIC)
    assert "\n" not in str(told.value) and len(str(told.value)) < 600


def test_a_torn_file_is_one_line(tmp_path):
    path = tmp_path / "o.db"
    study.open_study(path, "o", "d", TUNING, METRIC)
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + b"\0" * (len(whole) - 5000))
    with pytest.raises(NotReady):
        study.open_study(path, "o", "d", TUNING, METRIC)


def test_another_version_of_optuna_is_another_search(tmp_path, monkeypatch):
    before = study.identity(TUNING)
    assert study.identity(dataclasses.replace(TUNING, sampler="random")) != before
    monkeypatch.setattr(study, "version", lambda name: "99.0")
    assert study.identity(TUNING) != before
    study.open_study(tmp_path / "o.db", "o", str(before), TUNING, METRIC)
    with pytest.raises(SettingError, match="version of Optuna"):
        study.open_study(tmp_path / "o.db", "o", str(study.identity(TUNING)), TUNING, METRIC)


def test_how_settings_are_drawn_together_is_stated(monkeypatch):
    import optuna

    told = {}
    monkeypatch.setattr(optuna.samplers, "TPESampler", lambda **given: told.update(given))
    study.sampler(TUNING, 0)
    assert told["multivariate"] is False and told.items() >= study.TPE.items()
