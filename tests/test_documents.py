"""What README and docs/ show is what was measured."""

import json
import re

import pytest

from tools import figures


@pytest.mark.parametrize("path", figures.DOCUMENTS, ids=lambda path: path.name)
def test_tables_are_what_make_figures_makes_of_the_measurements(path):
    text = path.read_text()
    assert figures.renewed(text, figures.measured()) == text


def test_every_table_stands_somewhere_and_every_measurement_has_a_command_and_a_day():
    shown = [name for path in figures.DOCUMENTS for _, name, _ in figures.MARKED.findall(path.read_text())]
    assert sorted(shown) == sorted(figures.TABLES)
    for path in figures.MEASURED.glob("*.json"):
        told = json.loads(path.read_text())
        assert told["command"] and told["machine"] and re.fullmatch(r"\d{4}-\d\d-\d\d", told["day"])
        assert (figures.ROOT / told["command"].split()[-1]).exists() or told["command"] == "time make train"


def test_every_picture_that_is_shown_is_there_and_made_by_it():
    for path in figures.DOCUMENTS:
        for name in re.findall(r'(?:src|srcset)="([^"]+)"', path.read_text()):
            picture = path.parent / name
            assert picture.stat().st_size < 300_000
            assert picture.parent == figures.IMAGES and picture.stem in figures.VIEWS


def test_a_renewed_document_keeps_all_else():
    text = "before\n<!-- figures: tune -->\nold\n<!-- /figures -->\nafter\n"
    made = figures.renewed(text, {"tune": {"each": [[0, 0.5, 0.25]], "optuna": 0.5, "random": 0.25}})
    assert made.startswith("before\n<!-- figures: tune -->\n| sampler seed") and made.endswith("-->\nafter\n")
    assert "| 0 | 0.5000 | 0.2500 |" in made and "old" not in made
