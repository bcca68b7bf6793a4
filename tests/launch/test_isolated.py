"""A worker in a container without network that sees its own folders alone, run by Docker itself."""

import dataclasses
import json
import os
import threading

import pytest

from harness.contract import bundle, plan
from harness.launch.isolated import Isolated
from harness.runs import run_folder
from tests.support import tiny
from tests.support.plans import NOW, PLACEMENT, PROVENANCE

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# What a stranger's code would try: to reach out, to read what is the user's, to write where it should not.
TRIES = """
import pathlib as _p, socket as _s, os as _o
def _tries(name, act):
    try:
        act(); print(f"could {name}", flush=True)
    except Exception as error:
        print(f"could not {name}", flush=True)
_tries("reach", lambda: _s.create_connection(("1.1.1.1", 53), 2))
_tries("resolve", lambda: _s.getaddrinfo("example.org", 80))
_tries("read", lambda: _p.Path(SECRET).read_text())
_tries("alter", lambda: _p.Path("/opt/ml/input/data/code/plan.json").write_text("x"))
_tries("soil", lambda: next(_p.Path("/opt/ml/input/data/dataset").iterdir()).write_text("x"))
_tries("install", lambda: _p.Path("/opt/venv/x").write_text("x"))
print(f"user {_o.getuid()} secrets {[n for n in _o.environ if 'SECRET' in n or 'TOKEN' in n]}", flush=True)
"""


@pytest.fixture(scope="module")
def ended(training_image, tmp_path_factory):
    base = tmp_path_factory.mktemp("isolated")
    (base / "secret").write_text("private")
    root = tiny.copy_source(base / "project")
    module = root / "src" / "programs" / "tiny" / "training.py"
    module.write_text(module.read_text() + TRIES.replace("SECRET)", f"{str(base / 'secret')!r})", 1))
    chosen, files = tiny.settings(), bundle.collect(root, "tiny")
    dataset = tiny.write_data(base / "stored")
    (base / "data").mkdir()
    for path in (base / "stored").iterdir():  # links, as DVC makes them
        (base / "data" / path.name).symlink_to(path)
    experiment = plan.Experiment(
        "tiny", dataclasses.asdict(chosen), dataset, bundle.code_hash(files), bundle.lock_hash(files)
    )
    planned = plan.make(experiment, tiny.PROGRAM.describe("tiny", chosen), PLACEMENT, PROVENANCE, NOW)
    run = run_folder.stage(base / "runs", planned, files, b"")
    runner = Isolated(training_image)
    child = runner.start(run, base / "data")
    threading.Timer(120, child.kill).start()
    assert child.stdout is not None
    return runner, run, list(child.stdout), runner.finish()


def test_it_trains_and_leaves_its_outputs_to_its_caller(ended):
    _, run, lines, end = ended
    assert (end.exit_code, end.reason) == (0, None), lines
    record = json.loads((end.output / "data" / "record.json").read_text())
    assert record["status"] == "completed"
    assert (end.model / record["description"]["model"]).stat().st_uid == os.getuid()
    assert (run.code / "plan.json").read_text() == run.plan.read_text()


def test_it_reaches_nothing_and_reads_and_writes_nothing_but_its_own(ended):
    told = [line.strip() for line in ended[2] if line.startswith("could")]
    assert told == [
        "could not reach",
        "could not resolve",
        "could not read",
        "could not alter",
        "could not soil",
        "could not install",
    ]
    assert f"user {os.getuid()} secrets []\n" in ended[2]
