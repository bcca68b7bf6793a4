"""A free name and a disk with room, before a run begins."""

import dataclasses
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from harness.contract.errors import NotReady
from harness.finish import room
from harness.planning.draft import Draft
from tests.support.programs import bundle_of, planned

PLAN = planned("tiny")
USAGE = namedtuple("USAGE", "total used free")


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    nothing: Any = None
    return Draft(PLAN, nothing, nothing, bundle_of("tiny"), b"", None, tmp_path)


def test_equal_runs_of_one_second_get_names_of_their_own(draft):
    first, run = room.stage(draft)
    second, other = room.stage(draft)
    assert first.plan.run_id == PLAN.run_id == run.path.name
    assert other.path.name == second.plan.run_id == other.planned().run_id != PLAN.run_id
    assert other.path.name.partition("-")[2] == PLAN.run_id.partition("-")[2]
    assert room.free_name(draft).plan.run_id not in (run.path.name, other.path.name)


@pytest.mark.parametrize("seeds", [(1, 2), (2, 1)])
def test_runs_of_one_second_sort_as_they_began(draft, seeds):
    """Whatever their experiments: `last` is the one that began last."""
    names = []
    for seed in (*seeds, *seeds):
        other = dataclasses.replace(draft, plan=planned("tiny", seed=seed))
        names.append(room.stage(room.free_name(other))[1].path.name)
    assert names == sorted(names) and len(set(names)) == 4


def test_what_else_keeps_a_run_from_being_written_is_told(draft, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotReady, match="cannot be written"):
        room.stage(dataclasses.replace(draft, runs=tmp_path / "file"))


def test_a_disk_without_room_for_a_run_and_its_record_is_refused(draft, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: USAGE(10**6, 10**6 - 400_000, 400_000))
    with pytest.raises(NotReady, match="400 kB free"):
        room.check(draft)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: USAGE(10**9, 0, 10**9))
    room.check(draft)
