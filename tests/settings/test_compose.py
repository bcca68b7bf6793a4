import subprocess
import sys
from pathlib import Path

import pytest

from harness.contract.errors import SettingError
from harness.settings import compose

ROOT = Path(__file__).parents[2]


def compose(*overrides: str, monkeypatch: pytest.MonkeyPatch) -> compose.Config:
    taken: list[compose.Config] = []
    monkeypatch.setattr(sys, "argv", ["src/train.py", *overrides])
    assert compose.run(lambda settings: taken.append(settings) or 0) == 0
    return taken[0]


def test_the_mode_selects_the_scale(monkeypatch):
    local, cloud = compose("mode=local", monkeypatch=monkeypatch), compose("mode=cloud", monkeypatch=monkeypatch)
    assert local.training.num_data_batches < cloud.training.num_data_batches == 5
    assert (local.mode.name, cloud.mode.name) == ("local", "cloud")
    assert local == compose(monkeypatch=monkeypatch)


def test_a_scale_or_a_scalar_on_the_command_line_wins_over_the_mode(monkeypatch):
    quick = compose("mode=local", monkeypatch=monkeypatch).training
    assert compose("mode=cloud", "scale=quick", monkeypatch=monkeypatch).training == quick
    assert compose("scale=quick", "mode=cloud", "epochs=77", monkeypatch=monkeypatch).training.epochs == 77


# A recipe that is a sweep takes one value for each of these, and is a single run.
HELD = ("resnet_size=20", "batch_size=32", "learning_rate=0.1", "momentum=0.9", "weight_decay=0.0001")


@pytest.mark.parametrize("recipe", sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")))
@pytest.mark.parametrize("mode", ["local", "cloud"])
def test_every_recipe_composes_in_every_mode_and_yields_to_the_command_line(recipe, mode, monkeypatch):
    found = compose(f"mode={mode}", f"+experiment={recipe}", "epochs=99", *HELD, monkeypatch=monkeypatch)
    assert found.training.epochs == 99


@pytest.mark.parametrize(
    ("argument", "legal", "typed"),
    [
        ("resnet_size=21", "6n+2", "resnet_size=20"),
        ("resnet_size=27", "6n+2", "resnet_size=26"),
        ("resnet_sise=20", "resnet_size", "resnet_size=20"),
        ("mode=clod", "cloud | local", "mode=cloud"),
        ("scale=quik", "full | quick", "scale=quick"),
        ("+experiment=tutorail", "tutorial", "+experiment=tutorial"),
        ("batch_size=0", "at least 1", "batch_size=1"),
        ("epochs=-1", "at least 1", "epochs=1"),
        ("epochs=1.5", "an integer", "epochs=1"),
        ("num_data_batches=6", "at most 5", "num_data_batches=5"),
        ("learning_rate=fast", "a number above 0", "learning_rate=0.1"),
        ("learning_rate=nan", "a number above 0", "learning_rate=0.1"),
        ("momentum=1", "below 1", "momentum=0"),
        ("seed=null", "an integer", "seed=0"),
        ("mode.runner=docker", "auto | process | container", "mode.runner="),
        ("mode.runer=process", "mode.runner", "mode.runner=process"),
        ("data.on_missing=ask", "sample | fail", "data.on_missing="),
        ("warmup_epochs=50", "0 to", "warmup_epochs="),
        ("optimizer=adam", "sgd | muon", "optimizer="),
        ("crop=20", "at most 16", "crop=16"),
        ("small_epochs=50", "0 to", "small_epochs="),
        ("small_resolution=30", "28 | 32", "small_resolution=32"),
        ("precision=float16", "bfloat16", "precision=bfloat16"),
        ("mode.instance_count=3", "multiples of 3", "batch_size=126"),
        ("resume=''", "a folder's path", "resume="),
        ("runs_folder=null", "path", "runs_folder="),
        ("epochs=[", "", "--help"),
    ],
)
def test_a_wrong_argument_is_one_line_with_legal_values_and_what_to_type(argument, legal, typed, monkeypatch):
    with pytest.raises(SettingError) as caught:
        compose(argument, monkeypatch=monkeypatch)
    line = str(caught.value)
    assert "\n" not in line
    assert argument.lstrip("+").split("=")[0] in line
    assert legal in line
    assert typed in line.partition("type: ")[2]


def test_a_mistake_ends_with_2_and_one_line_before_anything_heavy_is_imported():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['src/train.py', 'epochs=0']\n"
        "try: runpy.run_path('src/train.py', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'tensorflow', 'keras', 'comet_ml', 'sagemaker', 'dvc', 'sklearn', 'numpy'} & set(sys.modules)\n"
        "print(code, heavy or 'light')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": "src"}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["2", "light"]
    assert done.stderr.startswith("error: epochs=0 ")
    assert done.stderr.count("\n") == 1


def test_a_sweep_runs_each_setting_and_stops_at_a_mistake_with_one_line(tmp_path):
    code = (
        "import sys\n"
        "from harness import config, console\n"
        "sys.argv[0] = 'src/train.py'\n"
        "sys.exit(console.main(lambda: config.run(lambda settings: print('seed', settings.training.seed) or 0)))\n"
    )

    def sweep(seeds: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", code, "-m", f"runs_folder={tmp_path}", f"seed={seeds}"]
        environment = {"PYTHONPATH": str(ROOT / "src")}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    good, bad = sweep("1,2"), sweep("3,-1,4")
    assert (good.returncode, good.stdout.splitlines(), good.stderr) == (0, ["seed 1", "seed 2"], "")
    assert (bad.returncode, bad.stdout) == (2, "")  # all are checked before the first one runs
    assert bad.stderr.startswith("error: seed=-1 ")
    assert bad.stderr.count("\n") == 1
