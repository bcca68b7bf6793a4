"""What README and docs/ show is what was measured, what they link to exists, and what they tell to type is legal."""

import json
import re
import shlex

import pytest

from harness.settings import command_line
from tests.support.verbs import declared
from tools import figures, terminal

ROOT = figures.ROOT
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "docs" / "example" / "README.md"])
NAME = lambda path: path.name  # noqa: E731  # of a parametrized test
PAST = ("CHANGELOG.md", "decisions.md")  # they tell of paths that were
MAKE = re.findall(r"(?m)^([a-z][a-z-]*):", (ROOT / "Makefile").read_text())
SCRIPT = re.compile(r"\bpython ((?:benchmarks|tools)/[\w/]+\.py)")
PARAMETER = re.compile(r"-S '?(conf/[\w/]+\.yaml):(\w+)=")
NAMED = re.compile(r"`((?:src|conf|docs|tests|tools|benchmarks|\.github)/[a-z0-9_./-]*[a-z0-9_])/?`")


def code(text: str) -> str:
    """What stands in code: lines of indented paragraphs, and whatever is between backticks, a line each."""
    lines = []
    for paragraph in re.split(r"\n\s*\n", text):
        rows = [row for row in paragraph.splitlines() if row]
        if all(row.startswith("    ") for row in rows):
            lines += [row.strip() for row in rows]
        else:
            lines += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", paragraph)]
    return "\n".join(lines)


def commands(text: str) -> list[list[str]]:
    """The words of each command of a verb or of make."""
    lines = [line for line in code(text).splitlines() if "python src/" in line or "make " in line]
    return [words for line in lines for words in split(line)]


def split(line: str) -> list[list[str]]:
    """The commands of a line; comments are left out, and what `&&`, `;` or `|` joins are several commands."""
    words = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    words.whitespace_split, words.commenters = True, "#"
    joined: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set(";&|"):
            joined.append([])
        else:
            joined[-1].append(word)
    return [command for command in joined if command]


def verbs(text: str) -> list[tuple[str, list[str]]]:
    """Each `python src/NAME.py WORDS`: its name and words. VERB stands for any."""
    starts = [words for words in commands(text) if words[0] == "python" and words[1:2] != ["src/VERB.py"]]
    return [(words[1][4:-3], words[2:]) for words in starts if words[1].startswith("src/")]


def targets(text: str) -> list[str]:
    """What each `make` is told to make. TARGET stands for any."""
    names = []
    for words in commands(text):
        while words and re.match(r"[A-Z]\w*=", words[0]):
            words = words[1:]
        if words[:1] == ["make"]:
            names += [word for word in words[1:] if "=" not in word and word != "TARGET"]
    return names


def linked(text: str) -> list[str]:
    """The targets of links and images that are not on the web."""
    pairs = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", text)
    return [link for pair in pairs if not (link := pair[0] or pair[1]).startswith(("http:", "https:", "mailto:"))]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"(?m)^#{1,6} (.+)$", text)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", figures.DOCUMENTS, ids=lambda path: path.name)
def test_tables_are_what_make_figures_makes_of_the_measurements(path):
    text = path.read_text()
    assert figures.renewed(text, figures.measured()) == text


def test_every_table_stands_somewhere_and_every_measurement_has_a_command_and_a_day():
    shown = [name for path in figures.DOCUMENTS for _, name, _ in figures.MARKED.findall(path.read_text())]
    assert sorted(shown) == sorted(figures.TABLES)
    for path in figures.MEASURED.glob("*.json"):
        measured = json.loads(path.read_text())
        assert measured["command"] and measured["machine"] and re.fullmatch(r"\d{4}-\d\d-\d\d", measured["day"])
        assert (ROOT / measured["command"].split()[-1]).exists() or measured["command"] == "time make train"


def test_every_screenshot_that_is_shown_is_there_and_made_by_it():
    for path in figures.DOCUMENTS:
        for name in re.findall(r'(?:src|srcset)="([^"]+)"', path.read_text()):
            screenshot = path.parent / name
            assert screenshot.stat().st_size < 300_000
            assert screenshot.parent == figures.IMAGES
            assert screenshot.stem in figures.VIEWS or screenshot == terminal.PICTURE


def test_the_terminal_that_is_shown_is_what_was_seen():
    assert terminal.PICTURE.read_text() == terminal.drawn(terminal.SEEN.read_text())
    assert (
        terminal.PICTURE.stat().st_size < 100_000 and "http" not in terminal.PICTURE.read_text().partition("<rect")[2]
    )


def test_a_renewed_document_keeps_all_else():
    text = "before\n<!-- figures: tune -->\nold\n<!-- /figures -->\nafter\n"
    renewed = figures.renewed(text, {"tune": {"each": [[0, 0.5, 0.25]], "optuna": 0.5, "random": 0.25}})
    assert renewed.startswith("before\n<!-- figures: tune -->\n| sampler seed") and renewed.endswith("-->\nafter\n")
    assert "| 0 | 0.5000 | 0.2500 |" in renewed and "old" not in renewed


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAME)
def test_every_link_to_a_file_of_the_project_leads_somewhere(path):
    wrong = []
    for target in linked(path.read_text()):
        name, _, heading = target.partition("#")
        file = path.parent / name if name else path
        if not file.exists() or (heading and heading not in anchors(file.read_text())):
            wrong.append(target)
    assert not wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAME)
def test_every_command_of_a_verb_is_one_that_the_verb_takes(path):
    shown_verbs = verbs(path.read_text())
    begun = {f"program={words[0]}" for name, words in shown_verbs if name == "new" and words}
    for name, words in shown_verbs:
        verb = declared(name)  # FileNotFoundError: there is no such verb
        shown = ["program=script" if word in begun else word for word in words if word not in ("--help", "-h")]
        command_line.parse(verb, shown)  # SettingError: a word that it does not take


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAME)
def test_every_target_of_make_every_script_and_every_parameter_of_dvc_exists(path):
    text = path.read_text()
    assert [name for name in targets(text) if name not in MAKE] == []
    assert [name for name in SCRIPT.findall(code(text)) if not (ROOT / name).exists()] == []
    for name, setting in PARAMETER.findall(code(text)):
        assert re.search(rf"(?m)^{setting}:", (ROOT / name).read_text()), f"{name}:{setting}"


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.name not in PAST], ids=NAME)
def test_every_path_that_is_named_exists(path):
    assert [name for name in NAMED.findall(path.read_text()) if not (ROOT / name).exists()] == []


def test_what_the_checks_take_for_a_command_a_target_and_a_link():
    text = """Type `python src/train.py -m seed=0,1 'rate=tag(log, 1)'` and make sure.

    make train; git checkout X && make venv PYTHON=python3     # or make tea
    CIFAR10_DIR=FOLDER make base-image image ARGS="a b"
    python src/replay.py RUN code=here                         # with src/fetch.py

[here](docs/a.md#part-two) and [there](https://example.com), <img src="docs/b.png">

## Part two, `of` 3
"""
    assert verbs(text) == [
        ("train", ["-m", "seed=0,1", "rate=tag(log, 1)"]),
        ("replay", ["RUN", "code=here"]),
    ]
    assert targets(text) == ["train", "venv", "base-image", "image"]
    assert linked(text) == ["docs/a.md#part-two", "docs/b.png"]
    assert anchors(text) == {"part-two-of-3"}
