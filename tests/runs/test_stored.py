import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.contract.errors import NotReady
from harness.runs import stored
from tests.support.records import leave


def test_all_runs_are_read_oldest_first_and_a_broken_one_is_named(tmp_path):
    runs = [leave(tmp_path, minutes, status=status) for minutes, status in enumerate(("completed", "failed", None))]
    broken = leave(tmp_path, 9)
    broken.record.write_text("{")
    found, unreadable = stored.everything(tmp_path)
    assert [each.folder for each in found] == runs
    assert [each.status for each in found] == ["completed", "failed", stored.RUNNING]
    assert found[0].epochs == ({"epoch": 1.0, "step": 10.0, "train_loss": 0.5, "weights": "00ff"},)
    assert len(unreadable) == 1 and str(broken.path) in unreadable[0]


def test_a_run_is_found_by_id_beginning_folder_and_as_the_last(tmp_path):
    first, second = leave(tmp_path, 0), leave(tmp_path, 5)
    for name in (first.path.name, first.path.name[:14], str(first.path)):
        assert stored.named(tmp_path, name).folder.path.samefile(first.path)
    assert stored.named(tmp_path, "last").run_id == second.path.name
    with pytest.raises(NotReady, match="2 runs"):
        stored.named(tmp_path, "2026")
    with pytest.raises(NotReady, match="no such run"):
        stored.named(tmp_path, "1999")


def test_a_plan_of_another_version_is_refused_by_name(tmp_path):
    run = leave(tmp_path)
    run.plan.write_text(json.dumps({**json.loads(run.plan.read_text()), "novel": 1}))
    with pytest.raises(NotReady, match="novel"):
        stored.read(run)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("../../x")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@hypothesis_settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_stands_in_a_plan_or_record_it_is_a_run_or_one_line(tmp_path, data):
    run = tmp_path / "20260102T030405Z-0"
    if not run.exists():
        leave(tmp_path).path.rename(run)
    before = {path: path.read_text() for path in (run / "plan.json", run / "record.json")}
    path = data.draw(st.sampled_from(sorted(before)))
    raw = json.loads(before[path])
    part = data.draw(st.sampled_from([*raw, "", "nothing"]))
    path.write_text(json.dumps({**raw, part: data.draw(JSON)} if part else data.draw(JSON)))
    try:
        found, unreadable = stored.everything(tmp_path)
        assert len(found) + len(unreadable) == 1 and not any("\n" in line for line in unreadable)
    finally:
        path.write_text(before[path])
