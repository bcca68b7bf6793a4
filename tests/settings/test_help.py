"""--help of every verb: what it says, how fast, and that its examples can be typed."""

import resource
import shlex

import pytest

from harness.settings import compose, conf, help
from harness.settings.command_line import parse
from harness.settings.verb import MISTAKE
from tests.support.verbs import NAMES, declared, started


@pytest.mark.parametrize("verb", NAMES)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_ends_with_0_within_a_second_and_imports_nothing_heavy(verb, option):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = started(verb, option)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1  # of the CPU: others may use it
    assert done.stdout.rpartition("\n\nended")[2].split() == ["0"], done.stdout[-300:]
    assert done.stderr == ""
    assert done.stdout.startswith(declared(verb).about.strip())


@pytest.mark.parametrize("verb", NAMES)
def test_help_says_what_it_does_its_words_its_settings_its_examples_and_its_exit_codes(verb):
    declaration = declared(verb)
    text = help.text(declaration, [])
    assert max(map(len, text.splitlines())) <= 120
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    for own in declaration.own:
        assert f"\n  {own.word} " in text and f"[{own.word}]" in text
    assert declaration.names is None or f"\n  {declaration.names.word} " in text
    for words, _ in declaration.examples:
        assert f"\n  {declaration.command} {words}".rstrip() in text
    assert len(declaration.examples) > 0
    for code, about in {2: MISTAKE, **declaration.exits}.items():
        assert f"\n  {code}  {about[:60]}" in text
    listed = {word.partition("=")[0] for word in text.split() if "=" in word}
    assert {setting for setting in declaration.settings if "_" in setting} <= listed
    assert ("\n  --cfg job" in text) == declaration.composes


def test_the_help_of_train_has_every_setting_with_its_default_and_comment():
    text = " ".join(help.text(declared("train"), []).split())
    settings = [*conf.program("cifar10"), *conf.scale("cifar10", "quick"), *conf.mode("local"), *conf.shared()]
    assert len(settings) > 40
    for each in settings:
        assert f" {each.name}={each.default} {each.about}".rstrip() in text


def test_the_help_of_a_mode_and_scale_has_their_settings():
    train = declared("train")
    assert "epochs=2" in help.text(train, []) and "mode.region" not in help.text(train, [])
    cloud = help.text(train, ["mode=cloud"])
    assert "mode.region=null" in cloud and "epochs=160" in cloud
    assert "epochs=2" in help.text(train, ["mode=cloud", "scale=quick"])


def examples() -> list[tuple[str, str]]:
    return [(name, words) for name in NAMES for words, _ in declared(name).examples]


@pytest.mark.parametrize(("name", "words"), examples())
def test_every_example_is_parsed_and_composed(name, words):
    line = parse(declared(name), shlex.split(words))
    if line.verb.composes and not line.multirun:
        compose.one(line)
