"""What a worker is told about its job."""

import json
from pathlib import Path

from harness.contract import job


def test_the_hosts_are_those_of_sagemakers_file_and_the_first_is_the_chief(tmp_path: Path) -> None:
    path = tmp_path / "resourceconfig.json"
    sagemakers = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"], "network_interface_name": "eth0"}
    path.write_text(json.dumps(sagemakers))
    found = job.read(path)
    assert found == job.Workers(("algo-1", "algo-2"), "algo-2", "eth0")
    assert not found.chief
    assert job.Workers(found.hosts, "algo-1").chief
    assert job.read(tmp_path / "absent").chief


def test_a_worker_alone_gathers_its_own_text_and_leaves_at_once() -> None:
    alone = job.Group()
    assert alone.gather("text") == ["text"]
    with alone.lost_workers_named():
        alone.leave()
