import dataclasses
import json
import re

import pytest

from harness.contract import bundle, plan
from harness.contract.metrics import Metric
from harness.launch import request
from tests.support import programs
from tests.support.plans import GIT
from tests.support.programs import PLACEMENT

AWAY = plan.Cloud("us-east-1", True, True, 0, 30, 7200, 10.0, 1.4, None, "project", None)
FILES = programs.bundle_of("tiny")


def planned(**away):
    placement = dataclasses.replace(
        PLACEMENT,
        mode="cloud",
        runner="sagemaker",
        instance_type="ml.g5.xlarge",
        cloud=dataclasses.replace(AWAY, **away),
    )
    return programs.planned("tiny", placement=placement)


def cloud(**away):
    return request.cloud(planned(**away), FILES, "image@sha256:1", "role", "s3://bucket/prefix/{}".format, {})


LOCAL = request.local(planned(), "image", "code", "data", "states", "root")


def test_the_request_there_is_the_request_here_but_for_placement():
    away = cloud()
    demanded = request.Demanded(networking={"subnets": ["subnet-1"]}, retries=1)
    more = request.cloud(planned(), FILES, "image@sha256:1", "role", "s3://bucket/prefix/{}".format, {}, demanded)
    assert more.keys() - LOCAL.keys() == request.CLOUD_KEYS
    assert LOCAL.keys() - away.keys() == request.LOCAL_KEYS
    differing = {name for name in away.keys() & LOCAL.keys() if away[name] != LOCAL[name]}
    # in these, the address of the same content, and what an instance is
    assert differing == {"training_mode", "training_image", "compute", "input_data_config", "source_code"}
    assert away["source_code"]["command"] == LOCAL["source_code"]["command"]
    assert {each["channel_name"] for each in away["input_data_config"]} == {"dataset", "plan"}
    assert {each["channel_name"] for each in LOCAL["input_data_config"]} == {"dataset", "checkpoints"}


def test_a_request_is_json_and_the_same_for_the_same_plan():
    assert json.loads(json.dumps(cloud())) == cloud() == cloud()


def test_data_that_is_streamed_names_no_mode_of_its_own_so_that_the_jobs_holds_and_all_else_is_copied():
    whole, streamed = cloud(), cloud(input_mode="FastFile")
    assert "training_input_mode" not in whole and streamed["training_input_mode"] == "FastFile"
    sources = {each["channel_name"]: each["data_source"] for each in streamed["input_data_config"]}
    as_copied = {each["channel_name"]: each["data_source"] for each in whole["input_data_config"]}
    assert sources["dataset"] == {
        "s3_data_type": "S3Prefix",
        "s3_uri": as_copied["dataset"],
        "s3_data_distribution_type": "FullyReplicated",
    }
    assert sources["plan"] == as_copied["plan"]


def test_spot_waits_longer_than_it_runs_and_on_demand_does_not_wait():
    spot, demand = cloud(), cloud(spot=False)
    assert spot["stopping_condition"]["max_runtime_in_seconds"] == 7200
    assert spot["stopping_condition"]["max_wait_time_in_seconds"] > 7200
    assert "max_wait_time_in_seconds" not in demand["stopping_condition"]
    assert "keep_alive_period_in_seconds" not in spot["compute"]
    assert cloud(spot=False, warm_pool_seconds=600)["compute"]["keep_alive_period_in_seconds"] == 600


def test_name_and_tags_carry_run_and_experiment_within_sagemakers_limits():
    made = planned()
    asked = request.cloud(made, FILES, "image@sha256:1", "role", "s3://bucket/prefix/{}".format, {})
    name = asked["base_job_name"]
    assert made.run_id in name
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", f"{name}-20260102030405")
    tags = {tag["key"]: tag["value"] for tag in asked["tags"]}
    assert (tags["harness:run"], tags["harness:experiment"]) == (made.run_id, made.experiment_id)
    assert (tags["harness:program"], tags["harness:about"]) == ("tiny", "logistic regression- batches of 50")
    assert all(re.fullmatch(r"[\w.:/=+@ -]{1,256}", text, re.ASCII) for pair in tags.items() for text in pair)


def test_folders_in_s3_are_named_with_the_slash_that_keeps_their_neighbours_out():
    away = cloud()
    sources = [each["data_source"] for each in away["input_data_config"]] + [away["source_code"]["source_dir"]]
    assert all(source.endswith("/") for source in sources)


@pytest.mark.parametrize(
    "line", ["epoch=3 step=1170 train_loss=0.61 validation_error=0.5 learning_rate=0.1 points_per_second=310"]
)
def test_sagemaker_finds_the_metrics_in_the_workers_lines(line):
    found = {each["name"]: re.search(each["regex"], line) for each in cloud()["metric_definitions"]}
    told = {name: float(match[1]) for name, match in found.items() if match}
    assert told == {"train_loss": 0.61, "validation_error": 0.5, "learning_rate": 0.1, "points_per_second": 310}
    assert len(found) <= 40


def test_another_file_of_code_is_another_place_in_s3():
    other = FILES | {"harness/worker/loop.py": FILES["harness/worker/loop.py"] + b"\n"}
    lock = FILES | {bundle.LOCK: b"x"}
    assert len({request.code_name(each) for each in (FILES, other, lock)}) == 3


def test_the_worker_is_process_1_and_gets_sigterm_itself():
    command = cloud()["source_code"]["command"]
    assert command == "exec python -m harness.worker /opt/ml"


def test_no_more_metrics_are_charted_than_sagemaker_takes_and_the_speed_is_among_them():
    many = dataclasses.replace(planned().description, metrics=tuple(Metric(f"m{at}", "higher") for at in range(50)))
    names = [
        each["name"]
        for each in request.cloud(dataclasses.replace(planned(), description=many), FILES, "image", "role", str, {})[
            "metric_definitions"
        ]
    ]
    assert len(names) == 40 and names[:4] == ["train_m0", "validation_m0", "test_m0", "train_m1"]
    assert names[-2:] == ["learning_rate", f"{many.examples}_per_second"]


@pytest.mark.parametrize(("dirty", "shown"), [(True, "+dirty"), (False, ""), (None, "+unknown")])
def test_a_tag_says_whether_the_commit_is_all(dirty, shown):
    git = dataclasses.replace(GIT, dirty=dirty)
    made = dataclasses.replace(planned(), provenance=dataclasses.replace(planned().provenance, git=git))
    assert {"key": "harness:commit", "value": f"{git.commit}{shown}"} in request.tags(made)
