"""Mistakes on the command line and in conf/: one line each."""

import shutil

import pytest

from harness.contract.errors import SettingError
from harness.settings import command_line, compose, conf, direct, expand, names, paths
from tests.support.verbs import TRAIN, composed, declared


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("~mode", "no setting can be left out"),
        ("~comet", "no setting can be left out"),
        ("=1", "a setting has a name"),
        ("+epochs=5", "only a recipe is added"),
        ("+epochs=5", "only a recipe is added"),
        ("++epochs=5", "only a recipe is added"),
        ("comet=null", "comet is not a setting"),
        ("mode=null", "mode=null does not exist"),
    ],
)
def test_the_form_of_a_setting_is_checked(word, what):
    with pytest.raises(SettingError, match=what):
        names.refuse(TRAIN, [word])


def test_a_recipe_is_still_added():
    names.refuse(TRAIN, ["+experiment=tutorial"])


def test_a_sweep_may_be_called_by_a_number():
    assert composed("sweep=2026").sweep == "2026"


@pytest.mark.parametrize("value", ["true", "1.5", "a b", "[a]", "/x"])
def test_other_names_of_sweeps_are_refused(value):
    with pytest.raises(SettingError, match="sweep="):
        composed(f"sweep='{value}'" if " " in value else f"sweep={value}")


def test_a_home_folder_is_meant_as_the_shell_means_it(monkeypatch, tmp_path):
    home = tmp_path / "my home's"
    monkeypatch.setenv("HOME", str(home))
    assert composed("runs_folder=~/x").runs_folder == f"{home}/x"
    assert composed("data.archive=~/a.tar").data.archive == f"{home}/a.tar"
    assert paths.expanded("publish", "~/p") == f"{home}/p"
    with pytest.raises(SettingError, match="no such home folder"):
        composed("runs_folder=~nobody-of-that-name/x")
    with pytest.raises(SettingError, match="no such home folder"):
        direct.data(command_line.parse(declared("fetch"), ["archive=~nobody-of-that-name"]))


@pytest.mark.parametrize("words", [["seed=range(0,1e9)"], ["seed=range(0,200)", "epochs=range(1,100)"]])
def test_a_grid_that_nobody_would_wait_for_is_refused_before_it_is_laid_out(words):
    with pytest.raises(SettingError, match="10,000 at most"):
        expand.limit(words)
    expand.limit([*words, "hydra/sweeper=optuna"])


@pytest.mark.parametrize("word", ["seed=range(0,0)", "seed=range(5,1)", "seed=range(0,3,0)"])
def test_a_grid_of_nothing_is_refused(word):
    with pytest.raises(SettingError, match="has no values"):
        expand.limit(["epochs=1,2", word])


def test_the_limit_holds_for_what_is_typed():
    line = command_line.parse(TRAIN, ["-m", "seed=range(0,1e9)"])
    with pytest.raises(SettingError, match="1,000,000,000 trainings"):
        compose.run(line, lambda settings: 0, lambda jobs: [0], lambda search: [0])


def test_a_sweep_leaves_nothing_of_hydras_own(monkeypatch, tmp_path):
    line = command_line.parse(TRAIN, ["-m", "seed=0,1", f"runs_folder={tmp_path / 'runs'}"])
    seen = []
    assert compose.run(line, lambda settings: 1, lambda jobs: seen.extend(jobs) or [0], lambda search: [1]) == 0
    assert [job.settings.training.seed for job in seen] == [0, 1]
    assert list(tmp_path.rglob("*")) == []


@pytest.fixture
def own_conf(monkeypatch, tmp_path):
    """conf/ of its own, for each module that knows where it lies."""
    shutil.copytree(conf.CONF, tmp_path / "conf")
    for module in (conf, compose):
        monkeypatch.setattr(module, "CONF", tmp_path / "conf")
    monkeypatch.setattr(conf, "ROOT", tmp_path)
    return tmp_path / "conf"


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("config.yaml", b"\nbad: [1, 2\n", r"conf/config.yaml, line \d+: "),
        ("mode/local.yaml", b"\nbad: }\n", r"conf/mode/local.yaml, line \d+: "),
        ("mode/local.yaml", b"\xff\xfe", r"conf/mode/local.yaml: "),
        ("config.yaml", b"\nx: !!python/object/apply:os.system [y]\n", r"conf/config.yaml, line \d+: "),
        ("config.yaml", b"\ndry_run: true\n", r"conf/config.yaml, line \d+: found duplicate key dry_run"),
    ],
)
def test_a_mistake_in_conf_is_told_with_file_and_line(own_conf, name, text, where):
    path = own_conf / name
    path.write_bytes(path.read_bytes() + text)
    with pytest.raises(SettingError, match=where) as told:
        composed("mode=local")
    assert "\n" not in str(told.value)


def test_a_mistake_in_the_files_that_fetch_reads_is_told_too(own_conf):
    (program,) = conf.chosen("program", [])
    path = own_conf / "program" / f"{program}.yaml"
    path.write_text(path.read_text() + "\nbad: }\n")
    with pytest.raises(SettingError, match=rf"conf/program/{program}.yaml, line \d+: "):
        direct.data(command_line.parse(declared("fetch"), []))
    path.unlink()
    with pytest.raises(SettingError, match="it is not there"):
        direct.data(command_line.parse(declared("fetch"), []))
