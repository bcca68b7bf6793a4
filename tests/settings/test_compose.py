"""What command lines compose to, and what a wrong one is answered with."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.contract.errors import SettingError
from harness.settings import command_line, compose
from harness.settings.schema import Config
from harness.settings.sweeps import examples
from tests.support.verbs import ROOT, TRAIN, composed

pytestmark = pytest.mark.slow  # a minute together

# What commit c41321c composed, which had no program to choose; a line's own values are those that differ from a base.
EARLIER = json.loads((ROOT / "tests" / "settings" / "composed.json").read_text())
SINCE = {
    "program": "cifar10",
    "data.pin": "data.dvc",
    "detach": False,
    "mode.verify": "before",
    "carry": [],
    "comet.artifact": None,
    "comet.model": None,
    "comet.register": False,
}
SINCE_AWAY: dict[str, Any] = {
    **dict.fromkeys(("mode.fallback", "mode.wait_minutes", "mode.max_usd_month", "mode.bucket_owner", "mode.subnets")),
    **dict.fromkeys(("mode.security_groups", "mode.volume_key", "mode.output_key", "mode.tags")),
    "mode.retries": 2,
    "mode.input_mode": "File",
    "mode.network_isolation": False,
    "mode.encrypt_traffic": False,
}
RENAMED = {"mode.prefix": ("cifar10-harness", "harness")}


def plain(value: Any) -> Any:
    if is_dataclass(value):
        return {name: plain(item) for name, item in vars(value).items()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def flat(config: Config) -> dict[str, Any]:
    """Every setting by its name on the command line."""
    names: dict[str, Any] = {}
    for name, value in plain(config).items():
        inner = {"training": ""}.get(name, f"{name}.")
        names |= {inner + key: item for key, item in value.items()} if isinstance(value, dict) else {name: value}
    return names


def everything(words: list[str]) -> list[Any]:
    """What each job of a command line is composed to, or its search."""
    found: list[Any] = []

    def grid(jobs: list[Any]) -> list[int]:
        found.extend(flat(job.settings) for job in jobs)
        return [0]

    def search(request: Any) -> list[int]:
        jobs = [flat(request.job(values).settings) for values in examples(request.space)]
        parts = {"space": request.space, "fixed": request.fixed, "raw": request.raw, "jobs": jobs}
        found.append(plain(parts))
        return [0]

    def single(settings: Config) -> int:
        found.append(flat(settings))
        return 0

    assert compose.run(command_line.parse(TRAIN, words), single, grid, search) == 0
    return found


def earlier(job: Any) -> Any:
    if isinstance(job, dict):
        return {**job, "jobs": [earlier(each) for each in job["jobs"]]}
    mode, differences = job
    values = {**EARLIER["bases"][mode], **differences, **SINCE}
    values |= SINCE_AWAY if mode == "cloud" else {}
    return values | {name: new for name, (old, new) in RENAMED.items() if values.get(name) == old}


@pytest.mark.parametrize("line", EARLIER["lines"], ids=lambda line: " ".join(line["words"]) or "nothing")
def test_every_command_line_composes_to_what_it_did_before_there_were_programs(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where Hydra leaves the folder of a sweep
    found, expected = everything(line["words"]), [earlier(job) for job in line["composed"]]
    assert found == expected
    assert repr(found) == repr(json.loads(json.dumps(found)))  # no type that JSON would change, like 1 for True


def test_types_are_those_of_before():
    for mode, base in EARLIER["bases"].items():
        now = flat(composed(f"mode={mode}"))
        assert {name: type(now[name]) for name in base} == {name: type(value) for name, value in base.items()}


def test_one_file_to_carry_is_a_list_of_one():
    assert composed("carry=tests/").carry == composed("carry=[tests]").carry == ("tests",)
    assert composed("carry=[tests,'*.txt']").carry == ("tests", "*.txt")


def test_the_mode_selects_the_scale():
    local, cloud = composed("mode=local"), composed("mode=cloud")
    assert local.training.num_data_batches < cloud.training.num_data_batches == 5
    assert (local.mode.name, cloud.mode.name) == ("local", "cloud")
    assert local == composed()


# A recipe that is a sweep takes one value for each of these, and is a single run.
HELD = ("resnet_size=20", "batch_size=32", "learning_rate=0.1", "momentum=0.9", "weight_decay=0.0001")


@pytest.mark.parametrize("recipe", sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")))
@pytest.mark.parametrize("mode", ["local", "cloud"])
def test_every_recipe_composes_in_every_mode_and_yields_to_the_command_line(recipe, mode):
    assert composed(f"mode={mode}", f"+experiment={recipe}", "epochs=99", *HELD).training.epochs == 99


@pytest.mark.parametrize(
    ("argument", "legal", "typed"),
    [
        ("resnet_size=21", "6n+2", "resnet_size=20"),
        ("resnet_size=27", "6n+2", "resnet_size=26"),
        ("resnet_sise=20", "resnet_size", "resnet_size=20"),
        ("mode=clod", "cloud | local", "mode=cloud"),
        ("scale=quik", "full | proof | quick", "scale=quick"),
        ("program=cifar100", "cifar10", "program=cifar10"),
        ("scale_of=cifar10/full", "scale", "scale="),
        ("+experiment=tutorail", "tutorial", "+experiment=tutorial"),
        ("experiment=tutorial", "", "+experiment=tutorial"),
        ("+foo=1", "", "--help"),
        ("batch_size=0", "at least 1", "batch_size=1"),
        ("epochs=-1", "at least 1", "epochs=1"),
        ("epochs=1.5", "an integer", "epochs=1"),
        ("num_data_batches=6", "at most 5", "num_data_batches=5"),
        ("learning_rate=fast", "a number above 0", "learning_rate=0.1"),
        ("learning_rate=nan", "a number above 0", "learning_rate=0.1"),
        ("momentum=1", "below 1", "momentum=0"),
        ("seed=null", "an integer", "seed=0"),
        ("seed=0,1", "one value", "-m seed=0,1"),
        ("mode.runner=docker", "auto | process | container", "mode.runner="),
        ("mode.runer=process", "mode.runner", "mode.runner=process"),
        ("mode.region=x", "", "mode=cloud mode.region=x"),
        ("+mode.region=x", "", "mode=cloud mode.region=x"),
        ("data.on_missing=ask", "sample | fail", "data.on_missing="),
        ("data.pin=data.yaml", "ends in .dvc", "data.pin=data.dvc"),
        ("data.pin=../data.dvc", "inside the project", "data.pin=data.dvc"),
        ("data.pin=/data.dvc", "inside the project", "data.pin=data.dvc"),
        ("carry=../x", "below the project", "carry=[tools,notes.txt]"),
        ("carry=[/etc]", "below the project", "carry=[tools,notes.txt]"),
        ("carry=[tests,not-there.txt]", "below the project", "carry=[tools,notes.txt]"),
        ("carry=[1]", "below the project", "carry=[tools,notes.txt]"),
        ("data.url=ftp://x", "an http(s) address, or null", "data.url="),
        ("warmup_epochs=50", "0 to", "warmup_epochs="),
        ("optimizer=adam", "sgd | muon", "optimizer="),
        ("crop=20", "at most 16", "crop=16"),
        ("small_epochs=50", "0 to", "small_epochs="),
        ("small_resolution=30", "28 | 32", "small_resolution=32"),
        ("precision=float16", "bfloat16", "precision=bfloat16"),
        ("mode.instance_count=3", "multiples of 3", "batch_size=126"),
        ("resume=''", "a folder's path", "resume="),
        ("runs_folder=null", "path", "runs_folder="),
        ("dry_run=1", "true | false", "dry_run=true"),
        ("sweep='a b'", "letters, numbers", "sweep=mine"),
        ("epochs=[", "", "--help"),
        ("hydra/sweeper=optna", "basic | optuna", "hydra/sweeper=optuna"),
        ("hydra.sweeper.n_trails=3", "hydra.sweeper.n_trials", "hydra.sweeper.n_trials=3"),
    ],
)
def test_a_wrong_argument_is_one_line_with_legal_values_and_what_to_type(argument, legal, typed):
    with pytest.raises(SettingError) as caught:
        composed(argument)
    line = str(caught.value)
    assert "\n" not in line
    assert argument.lstrip("+").split("=")[0] in line
    assert legal in line
    assert typed in line.partition("type: ")[2]


def test_a_url_may_be_null_and_spot_instances_are_not_kept_warm():
    assert composed("data.url=null").data.url is None
    with pytest.raises(SettingError, match=r"mode\.spot=false"):
        composed("mode=cloud", "mode.warm_pool_seconds=60")


# Another program.

TINY = '''"""A program that trains nothing."""

from dataclasses import dataclass
from typing import Annotated

from harness.contract.metrics import Metric
from harness.contract.program import Program, Source
from harness.contract.rules import in_range


@dataclass(frozen=True)
class Settings:
    epochs: Annotated[int, in_range(1)]
    rate: Annotated[float, in_range(0)]
    seed: Annotated[int, in_range(0)]


PROGRAM = Program(Settings, (Metric("error", "lower"),), train=None, score=None, source=Source)
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with a second program."""
    folder = tmp_path_factory.mktemp("two")
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "src" / "programs" / "small").mkdir()
    (folder / "src" / "programs" / "small" / "__init__.py").write_text(TINY)
    head, data = "# @package _global_\n", "data:\n  pin: small.dvc\n  url: null\ncomet:\n  project: small\n"
    own = f"{head}program: small\nrate: 0.5 # of learning\nseed: 0\n{data}"
    (folder / "conf" / "program" / "small.yaml").write_text(own)
    (folder / "conf" / "scale_of" / "small").mkdir()
    for scale, epochs in (("quick", 1), ("full", 9)):
        (folder / "conf" / "scale_of" / "small" / f"{scale}.yaml").write_text(f"{head}epochs: {epochs}\n")
    recipe = f"{head}defaults:\n  - override /program: small\n  - override /scale: full\n\nrate: 0.25\n"
    (folder / "conf" / "experiment" / "half.yaml").write_text(recipe)
    return folder


SHOW = """
import runpy, sys
sys.path.insert(0, "src")
from harness import console
from harness.settings import command_line, compose
verb = runpy.run_path("src/train.py")["VERB"]

def show(settings):
    print(settings.program, vars(settings.training), settings.data.pin, settings.data.url, settings.comet.project)
    return 0

def run():
    return compose.run(command_line.read(verb), show, lambda jobs: [show(job.settings) for job in jobs], None)

sys.exit(console.main(run))
"""


def show(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", SHOW, *words]
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "epochs", "rate"),
    [
        (("program=small",), 1, 0.5),
        (("program=small", "mode=cloud"), 9, 0.5),
        (("mode=cloud", "program=small", "scale=quick"), 1, 0.5),
        (("program=small", "scale=full", "rate=2"), 9, 2.0),
        (("+experiment=half",), 9, 0.25),
        (("+experiment=half", "rate=3", "epochs=4"), 4, 3.0),
        (("+experiment=half", "scale=quick"), 1, 0.25),
    ],
)
def test_another_program_brings_its_own_settings_scales_and_data(project, words, epochs, rate):
    done = show(project, *words)
    settings = {"epochs": epochs, "rate": rate, "seed": 0}
    assert (done.stdout, done.stderr) == (f"small {settings} small.dvc None small\n", "")


def test_a_sweep_goes_over_programs(project):
    done = show(project, "-m", "program=small,cifar10", "seed=1")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["small", "cifar10"], done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("program=small", "resnet_size=20"),
            "resnet_size is a setting of program=cifar10, not of program=small; "
            "type: python src/train.py program=cifar10 resnet_size=20",
        ),
        (("rate=1",), "rate is a setting of program=small, not of program=cifar10; type: python src/train.py program"),
        (("+experiment=half", "crop=3"), "crop is a setting of program=cifar10, not of program=small"),
        (("program=small", "+experiment=fast"), "of program=cifar10, not of program=small"),
        (("program=cifar10", "+experiment=half"), "rate is a setting of program=small, not of program=cifar10"),
        (("-m", "program=small", "resnet_size=20,32"), "resnet_size is a setting of program=cifar10"),
        (("-m", "program=small,cifar10", "rate=1"), "rate"),
        (("-m", "program=small,cifar10", "++rate=1"), "++rate=1: only a recipe is added, as +experiment=NAME"),
        (
            ("program=digits", "scale=proof"),
            "scale=proof does not exist; legal: full | quick; type: python src/train.py sc",
        ),
        (
            ("program=smal",),
            "program=smal does not exist; legal: cifar10 | digits | images | reviews | script | small; type: python",
        ),
    ],
)
def test_a_setting_of_another_program_is_refused_by_name(project, words, said):
    done = show(project, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


# Sweeps.


def test_a_sweep_runs_each_setting_and_stops_at_a_mistake_with_one_line(tmp_path):
    good = show(ROOT, "-m", f"runs_folder={tmp_path}", "seed=1,2")
    bad = show(ROOT, "-m", f"runs_folder={tmp_path}", "seed=3,-1,4")
    assert (good.returncode, good.stdout.count("'seed': "), good.stderr) == (0, 2, "")
    assert (bad.returncode, bad.stdout) == (2, "")  # all are checked before the first one runs
    assert bad.stderr.startswith("error: seed=-1 ")
    assert bad.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-m", "learning_rate=interval(0.1,1)"), "-m hydra/sweeper=optuna"),
        (("-m", "hydra/sweeper=optuna"), "nothing to search"),
        (("+experiment=tutorial_sweep", "resnet_size=20"), "sweep over batch_size, learning_rate, momentum, weight_"),
        (("hydra/sweeper=optuna",), "is for sweeps"),
        (("-m", "program=cifar1,cifar10"), "program=cifar1 does not exist"),
        (("hydra/launcher=basic",), "hydra/launcher is not a setting"),
    ],
)
def test_a_sweep_that_is_none_is_one_line(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError) as caught:
        everything(list(words))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_cfg_prints_the_composed_settings_and_ends():
    done = show(ROOT, "--cfg", "job", "program=cifar10", "resnet_size=8")
    assert done.returncode == 0
    assert "resnet_size: 8\n" in done.stdout and "  pin: data.dvc\n" in done.stdout and "hydra:" not in done.stdout


@pytest.mark.parametrize("codes", [[1, 3, 0], []])
def test_a_sweep_ends_with_the_worst_exit_code(codes):
    line = command_line.parse(TRAIN, ["-m", "seed=0,1"])
    assert compose.run(line, lambda settings: 9, lambda jobs: codes, lambda request: [9]) == max(codes, default=0)
