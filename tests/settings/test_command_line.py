"""The command line is read in one place, and a wrong word is refused before anything heavy is imported."""

import ast
import dataclasses
import sys

import pytest

from harness.contract.errors import SettingError
from harness.settings import command_line
from harness.settings.command_line import parse
from tests.support.verbs import NAMES, ROOT, TRAIN, declared, started


def reads_argv(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Attribute) and ast.unparse(each) == "sys.argv" for each in ast.walk(node))


def test_one_module_reads_the_command_line():
    """Modules that the harness itself starts with `python -m` pass their arguments on; verbs do not even that."""
    readers = []
    for path in (ROOT / "src").rglob("*.py"):
        body = ast.parse(path.read_text()).body
        if path.parent != ROOT / "src":
            body = [node for node in body if not (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test))]
        if any(map(reads_argv, body)):
            readers.append(path.relative_to(ROOT / "src").as_posix())
    assert readers == ["harness/settings/command_line.py"]


def test_words_are_parted_into_names_own_words_settings_and_options():
    line = parse(declared("replay"), ["last", "code=here", "mode.runner=container", "seed=1", "--cfg", "job"])
    assert line.names == ("last",)
    assert {name: value for name, value in line.own.items() if value} == {"code": "here"}
    assert {"data", "lock"} <= line.own.keys()
    assert line.overrides == ("mode.runner=container", "seed=1")
    assert (line.multirun, line.show) == (False, "job")
    sweep = parse(TRAIN, ["-m", "seed=0,1", "+experiment=paper"])
    assert (sweep.multirun, sweep.show, sweep.overrides) == (True, None, ("seed=0,1", "+experiment=paper"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        line.names = ()  # type: ignore[misc]


def test_a_bare_word_and_a_valued_one_of_the_same_verb_are_kept_apart():
    line = parse(declared("report"), ["serve", "port=9000"])
    assert (line.own, line.names) == ({"serve": "serve", "output": None, "port": "9000"}, ())
    own = parse(declared("compare"), ["a", "b", "all", "data=x..y"]).own
    assert (own["all"], own["data"]) == ("all", "x..y")
    assert parse(declared("report"), ["output"]).names == ("output",)
    with pytest.raises(SettingError, match="all is not a setting"):
        parse(declared("compare"), ["a", "b", "all=1"])


def test_what_was_typed_is_said_as_it_was_typed(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["src/train.py", "-m", "+experiment=x", "seed=0,1", "~xla", "a.b=c=d", "~z=1"])
    assert command_line.command_name() == "python src/train.py"
    assert command_line.command_words() == ("train.py", *command_line.typed_words())
    assert command_line.typed_words() == ("-m", "+experiment=x", "seed=0,1", "~xla", "a.b=c=d", "~z=1")
    assert command_line.typed_settings() == {"experiment", "seed", "a.b", "z"}


@pytest.mark.parametrize(
    ("verb", "words", "said"),
    [
        ("train", ["quick"], "train.py takes no quick"),
        ("train", ["--fast"], "train.py has no option --fast; legal: -h, -m, --cfg job"),
        ("train", ["--cfg"], "legal: job | hydra | all"),
        ("train", ["--cfg", "nix"], "--cfg nix; legal: job"),
        ("train", ["-m", "--cfg", "job"], "without -m"),
        ("train", ["code=here"], "code is not a setting"),
        ("export", [], "export.py takes one run"),
        ("export", ["a", "b"], "export.py takes one run; legal: a run's id or folder, `last`, or"),
        ("export", ["a", "outptu=x"], "outptu is not a setting; legal: output; type: python src/export.py output=x"),
        (
            "export",
            ["a", "model=yes"],
            "model=yes is not legal; legal: true | false; type: python src/export.py model=",
        ),
        (
            "export",
            ["a", "resnet_size=20"],
            "export.py takes no resnet_size; legal: model, output, license, runs_folder",
        ),
        ("export", ["a", "-m"], "export.py has no option -m"),
        ("replay", ["a", "code=there"], "code=there is not legal; legal: here"),
        ("replay", ["a", "scale=full"], "replay.py takes no scale"),
        ("replay", ["a", "+experiment=paper"], "replay.py takes no experiment"),
        ("replay", ["a", "resume=x"], "replay.py takes no resume"),
        ("retrain_check", ["a"], "takes two runs or none; legal"),
        ("push_image", ["tpu"], "tpu is not legal; legal: gpu | cpu; type: python src/push_image.py gpu"),
        ("push_image", ["gpu", "cpu"], "takes one kind of image"),
        ("push_image", ["mode=local"], "push_image.py does not run with mode=local; legal: mode=cloud"),
        (
            "report",
            ["serve", "port=http"],
            "port=http is not legal; legal: a number; type: python src/report.py port=8765",
        ),
        ("fetch", ["on_mising=fail"], "on_mising is not a setting; legal: on_missing"),
        ("fetch", ["--cfg", "job"], "fetch.py has no option --cfg"),
        ("fetch", ["program=nix"], "program=nix does not exist; legal: cifar10"),
        ("sync", ["last"], "sync.py takes no last"),
        ("attach", [], "attach.py takes one run; legal: a run's id or folder; type: python src/attach.py RUN"),
        ("evaluate", ["a", "b"], "evaluate.py takes one folder"),
        ("compare", ["a", "b", "everything=1"], "everything is not a setting"),
    ],
)
def test_a_wrong_word_is_one_line(verb, words, said):
    with pytest.raises(SettingError) as caught:
        parse(declared(verb), words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("verb", NAMES)
def test_a_wrong_name_ends_with_2_and_one_line_before_anything_heavy_is_imported(verb):
    done = started(verb, "no_such_setting=1")
    assert done.stdout.split() == ["ended", "2"], done.stderr
    assert done.stderr.startswith("error: no_such_setting is not a setting; legal: ")
    assert done.stderr.count("\n") == 1
    assert f"type: python src/{verb}.py" in done.stderr


def test_a_wrong_value_ends_with_2_and_one_line_before_tensorflow_is_imported():
    done = started("train", "epochs=0")
    assert done.stdout.split()[:2] == ["ended", "2"]
    assert set(done.stdout.split()[2:]) <= {"hydra", "omegaconf", "yaml"}
    assert done.stderr.startswith("error: epochs=0 ") and done.stderr.count("\n") == 1
