import json

import pytest

from harness import workers
from harness.errors import ReadRecord


def test_the_hosts_are_those_of_sagemakers_file_and_the_first_is_the_chief(tmp_path):
    path = tmp_path / "resourceconfig.json"
    sagemakers = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"], "network_interface_name": "eth0"}
    path.write_text(json.dumps(sagemakers))
    found = workers.read(path)
    assert found == workers.Workers(("algo-1", "algo-2"), "algo-2")
    assert not found.chief
    assert workers.Workers(found.hosts, "algo-1").chief


def test_without_that_file_there_is_one_worker_and_no_strategy(tmp_path):
    alone = workers.read(tmp_path / "resourceconfig.json")
    assert alone.chief
    assert workers.gather(None, "text") == ["text"]


class UnavailableError(Exception):
    """Named as TensorFlow's."""


def test_a_lost_worker_is_one_line_and_any_other_error_stays_what_it_is():
    two = workers.Workers(("algo-1", "algo-2"), "algo-1")
    with (
        pytest.raises(ReadRecord, match=r"^algo-1 lost another of the 2 workers: it has ended$"),
        workers.loss_told(two),
    ):
        raise UnavailableError("Graph execution error:\n\n many lines")
    with pytest.raises(ValueError, match="mine"), workers.loss_told(two):
        raise ValueError("mine")
    with pytest.raises(UnavailableError), workers.loss_told(workers.Workers(("algo-1",), "algo-1")):
        raise UnavailableError
