"""conf/ as it is read without Hydra is what YAML says, and holds each program's settings and no others."""

from dataclasses import fields

import pytest
import yaml

from harness.contract import program
from harness.settings import conf, direct
from harness.settings.command_line import parse
from harness.settings.schema import Cloud, Mode
from tests.support.verbs import ROOT, composed, declared

FILES = sorted(path for path in (ROOT / "conf").rglob("*.yaml"))


def leaves(content, prefix=""):
    for name, value in content.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT / "conf").as_posix())
def test_every_setting_of_a_file_is_read_with_its_value_and_comment(path):
    content = yaml.safe_load(path.read_text()) or {}
    prefix = "hydra.sweeper." if path.parent.name == "sweeper" else ""
    told = {
        prefix + name: value for name, value in leaves(content) if name.partition(".")[0] not in ("defaults", "hydra")
    }
    told.pop("program", None)
    found = {each.name: each for each in conf.read(path)}
    assert {name: yaml.safe_load(each.default) for name, each in found.items()} == told
    for each in found.values():
        if each.about:
            assert f"{each.default} # {each.about}\n" in path.read_text()
        else:
            line = next(
                line for line in path.read_text().splitlines() if line.strip(' "').startswith(each.name.split(".")[-1])
            )
            assert "#" not in line


def test_the_choices_are_those_of_the_list_of_defaults():
    assert {each.name: each.default for each in conf.choices()} == {
        "program": "cifar10",
        "scale": "quick",
        "mode": "local",
    }
    for each in conf.choices():
        assert each.default in conf.options(each.name)


@pytest.mark.parametrize("name", program.names())
def test_conf_has_the_settings_of_a_program_and_no_others(name):
    trained = {each.name for each in conf.program(name) if each.section == "training"}
    every = {field.name for field in fields(program.load(name).settings)}
    for scale in ("quick", "full"):
        scaled = {each.name for each in conf.scale(name, scale)}
        assert trained | scaled == every
        assert not trained & scaled
    assert {each.name for each in conf.scale(name, "proof")} <= every, "it goes over what another scale says"


def test_modes_have_all_their_settings():
    for name, kind in (("local", Mode), ("cloud", Cloud)):
        assert {each.name for each in conf.mode(name)} == {f"mode.{field.name}" for field in fields(kind)} - {
            "mode.name"
        }


@pytest.mark.parametrize(
    ("overrides", "programs"),
    [
        ([], ["cifar10"]),
        (["program=cifar10"], ["cifar10"]),
        (["+experiment=full"], ["cifar10"]),
        (["program=glob(*)"], ["cifar10", "digits", "images", "reviews", "script"]),
    ],
)
def test_the_program_is_known_before_hydra_composes(overrides, programs):
    assert conf.chosen("program", overrides) == programs


def test_a_recipe_chooses_as_it_overrides_and_what_was_typed_wins():
    assert conf.chosen("scale", ["+experiment=full"]) == ["full"]
    assert conf.chosen("scale", ["+experiment=full", "scale=quick"]) == ["quick"]
    assert conf.chosen("mode", ["mode=local", "mode=cloud"]) == ["cloud"]
    assert conf.chosen("mode", ["mode=local,cloud"]) == ["local", "cloud"]


def test_the_data_and_the_local_mode_are_what_hydra_composes():
    settings = composed("mode=local")
    assert direct.data(parse(declared("fetch"), [])) == (settings.program, settings.data)
    assert direct.local_mode() == settings.mode


def test_the_words_of_fetch_go_over_conf():
    words = ["archive=a b", "on_missing=fail", "url=null", "pin=other.dvc", "publish=results", "program=cifar10"]
    name, data = direct.data(parse(declared("fetch"), words))
    assert name == "cifar10"
    assert vars(data) == {"pin": "other.dvc", "on_missing": "fail", "archive": "a b", "url": None}
