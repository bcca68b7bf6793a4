"""Packed images as a user types it: packed, trained, killed, resumed, replayed, sent to two instances that stream."""

import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from harness.contract.packed import INDEX
from tests.support import images, projects
from tests.support.cloud import SECRETS, SENT, pushed
from tests.support.projects import broken, done, git, make_project, newest, type_in

pytestmark = [
    pytest.mark.long,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("comet_aside", "plots_aside"),
]
IMAGES = ("program=images", "resnet_size=8", "image_size=16", "batch_size=20", "warmup_epochs=0")
HERE = (*IMAGES, "mode.runner=process", "mode.threads=2", "mode.verify=read", "epochs=6")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project on a remote, with 300 packed images beside those that were packed."""
    folder = make_project(tmp_path_factory.mktemp("images") / "project")
    images.write_folder(folder.parent / "photos", 300)
    shares = ("shards=4", "test=0.2", "validation=0.2")
    printed = done(folder, str(folder.parent / "photos"), "mine", *shares, verb="pack")
    assert "packed    300 images of 4 classes in 4 shards" in printed
    conf = folder / "conf" / "program" / "images.yaml"
    conf.write_text(conf.read_text().replace("  pin: null", "  pin: mine.dvc"))
    with (folder / ".gitignore").open("a") as file:
        print("/mine", file=file)
    pin(folder)
    return pushed(folder)


def pin(project: Path) -> None:
    from harness.contract import identity

    found = identity.identify(project / "mine", "custom")
    (project / "mine.dvc").write_text(f"outs:\n- md5: {found.hash}\n  hash: md5\n  path: mine\n")


def test_a_training_that_is_killed_and_resumed_ends_with_the_same_bits_and_replays(project: Path) -> None:
    done(project, *HERE)
    whole = newest(project)
    assert re.fullmatch(r"algo-1: index.bin and \d+ records, \d+ bytes", whole.verified[0])
    assert whole.environment is not None and whole.environment["settings"]["decoder"] == "tensorflow INTEGER_ACCURATE"
    run = broken(project, "epoch=2", signal.SIGKILL, *HERE)
    done(project, f"resume={run.name}", "mode.runner=process", "mode.verify=read")
    assert newest(project).weights == whole.weights
    assert f"verdict   IDENTICAL to {whole.run_id}" in done(project, whole.run_id, verb="replay")
    assert "accuracy" in done(project, f"runs/{whole.run_id}", verb="evaluate")


def test_a_byte_that_is_flipped_is_one_line_before_anything_runs(project: Path) -> None:
    path = project / "mine" / "shard-00001.tar"
    content = path.read_bytes()
    try:
        path.write_bytes(content[:700] + bytes([content[700] ^ 1]) + content[701:])
        ended = type_in(project, *HERE)
        assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1 and "mine" in ended.stderr
    finally:
        path.write_bytes(content)


def test_two_instances_stream_their_own_parts_and_a_new_version_sends_what_changed(project: Path, aws: Any) -> None:
    account = {**aws.environment(), **SECRETS}
    streamed = (*SENT, *IMAGES, "mode.instance_count=2", "mode.input_mode=FastFile", "mode.verify=read", "epochs=2")
    done(project, *streamed, **account)
    first = newest(project)
    (job,) = [each for each in aws.jobs.values() if first.run_id in each.name]
    modes = {each["ChannelName"]: each.get("InputMode") for each in job.request["InputDataConfig"]}
    assert job.request["AlgorithmSpecification"]["TrainingInputMode"] == "FastFile"
    assert modes["dataset"] in (None, "FastFile") and modes["code"] == modes["plan"] == "File"
    assert len(set(first.worker_weights)) == 1
    read = [int(re.search(r"and (\d+) records", each)[1]) for each in first.verified]  # type: ignore[index]
    done(project, *HERE[:-1], "epochs=2")
    alone = int(re.search(r"and (\d+) records", newest(project).verified[0])[1])  # type: ignore[index]
    assert len(read) == 2 and read[0] == read[1] and alone - read[0] == 2 * 10 * steps(project)

    (project.parent / "photos" / "ash" / "new.jpg").write_bytes(images.jpeg(5000, 0))
    before = {path.name: path.read_bytes() for path in (project / "mine").iterdir()}
    done(project, str(project.parent / "photos"), "mine", "update", verb="pack")
    changed = {path.name for path in (project / "mine").iterdir() if before[path.name] != path.read_bytes()}
    assert len(changed) == 2 and INDEX in changed
    pin(project)
    git(project, "commit", "-am", "one image more")
    git(project, "push")
    printed = done(project, *streamed, **account)
    assert "3 of 5 files are in S3 already" in printed
    assert newest(project).verified[0] and newest(project).weights != first.weights
    told = done(project, "data=HEAD~1", "program=images", verb="compare")
    assert "0 images removed, 1 added" in told or "not known" in told


def steps(project: Path) -> int:
    """The steps of an epoch of the newest run."""
    rows = (projects.runs(project)[-1] / "metrics.csv").read_text().splitlines()
    return int(rows[1].split(",")[1])


def test_what_is_there_is_not_packed_over(project: Path) -> None:
    shutil.rmtree(project.parent / "photos" / "none", ignore_errors=True)
    ended = type_in(project, str(project.parent / "photos"), "mine", verb="pack")
    assert ended.returncode == 2 and "mine is packed already" in ended.stderr and len(ended.stderr.splitlines()) == 1
