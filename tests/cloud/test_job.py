"""The file that says which job a run is."""

import pytest

from harness.cloud.job import Job
from harness.contract.errors import NotReady

JOB = Job("name", "begins", "region", "bucket", "prefix")


def test_what_was_written_is_read(tmp_path):
    for job in (JOB, JOB.named("other"), Job(None, "b", "r", "b", "p")):
        job.write(tmp_path / "cloud.json")
        assert Job.read(tmp_path / "cloud.json") == job


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"name": 5}', None])
def test_a_damaged_one_is_said_in_a_line(tmp_path, text):
    if text is not None:
        (tmp_path / "cloud.json").write_text(text)
    with pytest.raises(NotReady, match="does not say which job it is") as told:
        Job.read(tmp_path / "cloud.json")
    assert "\n" not in str(told.value)
