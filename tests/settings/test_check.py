"""Which settings are legal, each alone and with the others."""

import math
import os

import pytest

from harness.contract.errors import SettingError
from harness.settings import schema
from harness.settings.check import check, section
from harness.settings.schema import Cloud
from harness.settings.sweeps import Choice, Span, examples
from tests.support.verbs import composed


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("learning_rate=inf", "learning_rate=inf is not legal"),
        ("learning_rate=-inf", "learning_rate=-inf is not legal"),
        ("learning_rate=nan", "learning_rate=nan is not legal"),
        ("learning_rate=0", "learning_rate=0.0 is not legal; legal: a number above 0"),
        ("momentum=1", "momentum=1.0 is not legal; legal: a number at least 0 and below 1"),
        ("epochs=1.5", "epochs=1.5 is not legal; legal: an integer at least 1"),
        ("epochs=true", "epochs=True is not legal"),
        ("sweep=../x", "sweep=../x is not legal"),
        ("sweep=a/../../b", "sweep=a/../../b is not legal"),
        ("dry_run=maybe", "dry_run=maybe is not legal; legal: true | false"),
        ("yes=1", "yes=1 is not legal; legal: true | false"),
        ("data.pin=../data.dvc", "data.pin=../data.dvc is not legal"),
        ("data.pin=/data.dvc", "data.pin=/data.dvc is not legal"),
        ("data.pin=data.txt", "data.pin=data.txt is not legal"),
        ("runs_folder=", "runs_folder= is not legal; legal: a folder's path"),
    ],
)
def test_a_value_that_no_run_can_have_is_refused(word: str, complaint: str) -> None:
    with pytest.raises(SettingError) as error:
        composed(word)
    assert str(error.value).startswith(complaint)


def test_spot_instances_are_not_kept_warm_and_the_sample_is_not_trained_on_in_the_cloud() -> None:
    assert composed("mode=cloud", "mode.spot=false", "mode.warm_pool_seconds=60").data.on_missing == "fail"
    with pytest.raises(SettingError, match=r"mode\.warm_pool_seconds=60: SageMaker keeps no spot instance warm"):
        composed("mode=cloud", "mode.spot=true", "mode.warm_pool_seconds=60")
    assert composed("mode=local", "data.on_missing=sample").data.on_missing == "sample"
    assert composed("mode=cloud", "data.on_missing=sample").data.on_missing == "fail"


@pytest.mark.parametrize(("given", "workers", "each"), [(3, 2, 3), (0, 1, 8), (0, 2, 4), (0, 3, 2), (0, 20, 1)])
def test_the_workers_of_this_machine_share_its_cores(
    monkeypatch: pytest.MonkeyPatch, given: int, workers: int, each: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    words = (f"mode.threads={given}", f"mode.instance_count={workers}", f"batch_size={60 * workers}")
    assert schema.threads(composed("mode=local", *words).mode) == each
    assert schema.threads(composed("mode=cloud", *words).mode) == given


@pytest.mark.parametrize(
    ("span", "complaint"),
    [
        (Span(0.1, 1, None, True), None),
        (Span(1, 4, None, False), None),
        (Span(0, 1, None, True), "nothing lies from 0 to 1; legal: an interval from above 0 upwards"),
        (Span(-1, 1, None, True), "nothing lies from -1 to 1"),
        (Span(1, 1, None, False), "nothing lies from 1 to 1; legal: an interval from a low to a higher number"),
        (Choice(()), "there is nothing to choose from"),
    ],
)
def test_a_space_that_is_empty_or_has_no_logarithms_is_refused(span: Span | Choice, complaint: str | None) -> None:
    if complaint is None:
        assert [each["x"] for each in examples({"x": span})]
        return
    with pytest.raises(SettingError, match=f"x: {complaint}"):
        examples({"x": span})


def test_a_setting_that_is_missing_or_unknown_is_named() -> None:
    raw = vars(composed().mode)
    assert section(schema.Mode, raw, "mode.") == composed().mode
    with pytest.raises(SettingError, match=r"mode\.speed is not a setting"):
        section(schema.Mode, {**raw, "speed": 1}, "mode.")
    with pytest.raises(SettingError, match=r"mode\.threads is missing in conf/"):
        section(schema.Mode, {name: value for name, value in raw.items() if name != "threads"}, "mode.")


def test_what_is_checked_is_what_was_composed() -> None:
    settings = composed("mode=cloud", "learning_rate=1")
    parts = {name: vars(getattr(settings, name)) for name in ("mode", "data", "comet")}
    rest = {name: value for name, value in vars(settings).items() if name not in (*parts, "training")}
    again = check({**vars(settings.training), **parts, **rest, "carry": list(settings.carry)})
    assert again == settings and isinstance(again.mode, Cloud) and math.isclose(again.training.learning_rate, 1)
