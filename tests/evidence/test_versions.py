"""How two versions of a program's data differ: asked of the program once."""

import dataclasses

import pytest

from harness.contract import identity, program
from harness.contract.errors import SettingError
from harness.contract.program import Program
from harness.contract.source import Sample, Source
from harness.evidence import versions


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.csv").write_text("sample\n")
    return identity.identify(folder, "sample-rows", sample=True)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Data in its place, and a program that says in words how it differs from the program's sample."""
    asked = []

    def differences(old, new):
        asked.append((old, new))
        return [f"{(old / 'rows.csv').read_text().strip()} -> {(new / 'rows.csv').read_text().strip()}"]

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("here\n")
    here = identity.identify(tmp_path / "data", "custom").hash
    (tmp_path / "data.dvc").write_text(f"outs:\n- md5: {here}\n  path: data\n")
    sample = write(tmp_path / "elsewhere").hash
    source = Source(sample=Sample("sample-rows", sample, write, "SAMPLE"))
    owner = Program(object, (), None, lambda: source, differences=differences)  # type: ignore[arg-type]
    monkeypatch.setattr(program, "load", lambda name: owner)
    return tmp_path, sample, here, asked


def test_the_program_says_how_they_differ_and_is_asked_once(project):
    root, sample, here, asked = project
    for _ in range(2):
        assert versions.lines(root, "data.dvc", "mine", sample, here) == ["sample -> here"]
    assert len(asked) == 1
    assert versions.lines(root, "data.dvc", "another", sample, here) == ["sample -> here"]
    assert len(asked) == 2  # another program may see other things in them
    assert versions.lines(root, "data.dvc", "mine", here, here) == ["the same data"]


def test_a_version_or_a_program_that_is_gone_is_said_in_a_line_and_not_remembered(project, monkeypatch):
    root, sample, here, _ = project

    def gone(name):
        raise SettingError(f"program={name} does not exist")

    load = program.load
    monkeypatch.setattr(program, "load", gone)
    assert versions.lines(root, "data.dvc", "mine", sample, here) == ["not known: program=mine does not exist"]
    monkeypatch.setattr(program, "load", load)
    assert versions.lines(root, "data.dvc", "mine", sample, here) == ["sample -> here"]


def test_a_program_that_sees_no_difference_leaves_that_the_files_differ(project, monkeypatch):
    root, sample, here, _ = project
    silent = dataclasses.replace(program.load("mine"), differences=lambda old, new: ())
    monkeypatch.setattr(program, "load", lambda name: silent)
    assert versions.lines(root, "data.dvc", "mine", sample, here) == ["the files differ"]
