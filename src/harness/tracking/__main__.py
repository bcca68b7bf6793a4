"""Make one of Comet's copies of a run, in a child process of its own.

`python -m harness.tracking offline|online RUN_FOLDER EXPERIMENT_KEY PROJECT WORKSPACE OPTIONS`

OPTIONS is JSON: whether the training is `here`, the name of the `model` in Comet, whether to `register` it, name and
place of the data set as an `artifact`.
"""

import json
import logging
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.runs.run_folder import RunFolder
from harness.tracking import fields, logged
from harness.tracking.complaints import Complaints, Redacted
from harness.tracking.rest import Rest
from harness.tracking.tracker import EVENTS, OFFLINE_PATIENCE, ONLINE_PATIENCE, RECORDED

LOOK = 0.5  # seconds between two looks at the events
# What Comet would gather by itself: of this process and its folder, which are not the run's.
AUTOMATIC = (
    "log_code",
    "log_graph",
    "parse_args",
    "log_git_metadata",
    "log_git_patch",
    "log_env_details",
    "log_env_gpu",
    "log_env_host",
    "log_env_cpu",
    "log_env_network",
    "log_env_disk",
    "auto_output_logging",
    "auto_param_logging",
    "auto_metric_logging",
    "auto_log_co2",
)


def main(kind: str, folder: str, key: str, project: str, workspace: str, options: str = "{}") -> None:
    """Make one copy; the state of the online one goes to online.json, step by step."""
    os.nice(5)  # the training comes first
    run, scratch = RunFolder(Path(folder)), Path(os.environ["COMET_OFFLINE_DIRECTORY"])
    end, stream, complaints = End(scratch), Redacted(sys.stderr), Complaints(logging.WARNING)
    sys.stdout = sys.stderr = stream
    url, wanted = None, {"here": False, "model": None, "register": False, "artifact": None, **json.loads(options)}
    try:
        experiment = start(kind, key, project, workspace, scratch, stream, complaints)
        if experiment.alive:
            if kind == "online":
                url = experiment.url
                notify(run, url=url, done=False, why=None)
            try:
                if wanted["here"]:
                    watch_machine(experiment)
                rest = Rest(key if kind == "online" else None, complaints)
                copy(experiment, run, end, rest, wanted)
            finally:
                experiment.end()
    except Exception as error:  # whatever goes wrong in Comet is a copy not made, never a failed run
        traceback.print_exc()
        complaints.lines.insert(0, reason(error, opened=url is not None))  # says more than what Comet logs of it
    archives = list(scratch.glob("*.zip"))
    if kind == "online":
        # Comet writes an archive of its own where it could not deliver everything.
        complaints.lines += ["the connection was lost"] if archives else []
        why = stream.clean(" ".join(complaints.lines[0].split()))[:200] if complaints.lines else None
        notify(run, url=url, done=why is None, why=why)
    elif archives:
        archives[0].replace(run.comet / archives[0].name)  # whole, or not at all
    shutil.rmtree(scratch, ignore_errors=True)


def start(
    kind: str,
    key: str,
    project: str,
    workspace: str,
    scratch: Path,
    stream: Redacted,
    complaints: Complaints,
) -> Any:
    """Import Comet and open the experiment; it is not `alive` where Comet gave up, and has complained of why."""
    import comet_ml
    from comet_ml.config.config_api import get_api_key, get_config

    logging.getLogger("comet_ml").addHandler(complaints)
    stream.secret = get_api_key(None, get_config())
    settings: dict[str, Any] = dict.fromkeys(AUTOMATIC, False)
    settings |= {"offline_directory": str(scratch), "display_summary_level": 0}
    return comet_ml.start(
        online=kind == "online",
        # The archive is the whole run: sent to an experiment that is there already, it would double it.
        mode="get_or_create" if kind == "online" else "create",
        experiment_key=key,
        project_name=project,
        workspace=workspace or None,
        experiment_config=comet_ml.ExperimentConfig(**settings),
    )


def watch_machine(experiment: Any) -> None:
    """Log what processors, memory and GPUs do, which are the run's where it trains on this machine.

    Comet's own switch would also ask the clouds' metadata services where this is, and tell the machine's packages.
    """
    experiment.log_env_cpu = experiment.log_env_gpu = True
    try:
        experiment._start_system_metrics_data_logger()
    except Exception:  # a curve that is missing
        traceback.print_exc()


def reason(error: Exception, opened: bool) -> str:
    """An error in words for someone who does not read Comet's source."""
    text = str(error) or type(error).__name__
    # What opens the experiment reads Comet's answer without checking it: a proxy's page ends in one of these.
    odd = isinstance(error, json.JSONDecodeError | TypeError | LookupError | AttributeError)
    return f"the answer was not Comet's ({text})" if odd and not opened else text


def copy(experiment: Any, run: RunFolder, end: "End", rest: Rest, wanted: dict[str, Any]) -> None:
    """Log the plan, each epoch as it comes, and how the run ended."""
    plan = run.planned()
    there = rest.ask(lambda api: fields.logged_steps(api, plan)) or set()
    logged.log_plan(experiment, run)
    rest.ask(lambda api: fields.fill_origin(api, run))
    for values in follow(run.comet / EVENTS, end):
        if values["step"] not in there:
            logged.log_epoch(experiment, values)
    if end.recorded:
        logged.log_record(experiment, run)
        fields.log_outcome(experiment, run, wanted["model"], wanted["register"])
        rest.ask(lambda api: fields.fill_outcome(api, run))
        if wanted["artifact"]:
            rest.ask(lambda api: fields.log_data(experiment, run, *wanted["artifact"]))
    else:
        logged.log_interruption(experiment)


def follow(path: Path, end: "End") -> Iterator[dict[str, float]]:
    """The lines of the file as they come, until the run is over."""
    with path.open("rb") as file:
        torn, over = b"", False
        while not over:
            over = end.within(LOOK)  # before the reading: what was written by then is read
            *lines, torn = (torn + file.read()).split(b"\n")
            for line in lines:
                try:
                    yield json.loads(line)
                except ValueError:  # torn by a full disk
                    continue


def notify(run: RunFolder, **news: Any) -> None:
    """Write the state for the host: `url` once the experiment is open, `done` once all of it arrived, or `why` not."""
    atomic.write(run.comet / "online.json", json.dumps(news))


class End:
    """The end of the run, as the host signals it: the end of stdin, with a word before it where there is a record."""

    def __init__(self, scratch: Path) -> None:
        self.recorded = False
        self._over = threading.Event()
        threading.Thread(target=self._listen, args=(scratch,), daemon=True).start()

    def within(self, seconds: float) -> bool:
        """Wait; whether the run is over."""
        return self._over.wait(seconds)

    def _listen(self, scratch: Path) -> None:
        word = b""
        while part := os.read(0, len(RECORDED)):
            word += part
        self.recorded = word == RECORDED
        self._over.set()
        # The host ends a child that hangs. Where the host is gone, the child must do it itself.
        time.sleep(OFFLINE_PATIENCE if self.recorded else ONLINE_PATIENCE)
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
