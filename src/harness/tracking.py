"""Comet's copy of a run, made beside the run by child processes that can be killed at any time.

One child always writes an offline archive into the run folder. Where there is a key, a second one streams the same
to Comet. Both read what the host appends to a file, so the host never waits for them, and Comet's import overlaps
TensorFlow's. No child sees more than the run folder; only the online one sees the key.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import atomic
from harness.folders import RunFolder
from harness.plan import RunPlan
from harness.provenance import redact, without_secrets
from harness.record import RunRecord

PATIENCE = 15.0  # seconds that Comet has once the run is over
LOOK = 0.1  # seconds between two looks at the file
EVENTS = "events.jsonl"


@dataclass(frozen=True)
class Tracked:
    """What Comet got. `online` is "delivered", "off: why" or "failed: why"; an archive that was not written is None."""

    experiment_key: str
    archive: str | None
    online: str
    url: str | None
    upload: str | None

    def __str__(self) -> str:
        if self.online == "delivered":
            return self.url or "delivered"
        return f"{self.archive or 'no archive: its writer failed, see comet/offline.log'} (online {self.online})"


class Tracker:
    """The host's end: `event` for each epoch, `finish` once."""

    def __init__(self, run: RunFolder, planned: RunPlan, project: str, workspace: str | None) -> None:
        self._run, self._key = run, experiment_key(planned.run_id)
        run.comet.mkdir()
        self._events = (run.comet / EVENTS).open("a", encoding="utf-8")
        self._scratch = tempfile.TemporaryDirectory()  # Comet's own fallback for a lost connection goes there, not here
        names = [self._key, project, workspace or ""]
        self._offline = self._child("offline", names, without_secrets(os.environ) | {"COMET_CONFIG": os.devnull})
        self._online = self._child("online", names, dict(os.environ)) if has_key() else None

    def _child(self, kind: str, names: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        own = {"PYTHONPATH": str(Path(__file__).parents[1]), "COMET_OFFLINE_DIRECTORY": self._scratch.name}
        quiet = {"COMET_DISABLE_ANNOUNCEMENT": "1", "COMET_LOGGING_CONSOLE": "INFO"}
        with (self._run.comet / f"{kind}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "harness.tracking", kind, str(self._run.path), *names],
                cwd=self._scratch.name,
                env=environment | own | quiet,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the run; the record of it should still arrive
            )

    def event(self, values: Mapping[str, float]) -> None:
        """Hand on an epoch's numbers; never waits for Comet."""
        try:
            print(json.dumps(dict(values)), file=self._events, flush=True)
        except OSError:  # a full disk: metrics.csv and the record matter more
            return

    def finish(self, record: RunRecord) -> Tracked:
        """Wait until both copies are complete, 15 s at most; kill what is not, and say so."""
        self.event({"end": 1})
        self._events.close()
        deadline = time.monotonic() + PATIENCE
        for child in filter(None, (self._offline, self._online)):
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._scratch.cleanup()
        archives = sorted(self._run.comet.glob(f"{self._key}*.zip"))
        url = self._state("online")
        online = "off: no key" if self._online is None else "delivered" if url else self._why()
        archive = str(archives[-1]) if archives and self._state("offline") else None
        upload = f"comet upload {archive}" if archive and online != "delivered" else None
        tracked = Tracked(self._key, archive, online, url, upload)
        self._tidy(tracked)
        return tracked

    def _state(self, kind: str) -> str | None:
        """What a child left when all was done: an address, or "written"."""
        path = self._run.comet / f"{kind}.done"
        return path.read_text() if path.exists() else None

    def _why(self) -> str:
        assert self._online is not None
        code = self._online.returncode
        if code == -9:
            return f"failed: no answer within {PATIENCE:.0f} s of the run's end"
        said = re.findall(r"COMET ERROR: (.+)", (self._run.comet / "online.log").read_text(errors="replace"))
        return f"failed: {redact(said[0])[:200] if said else f'exit code {code}'}"

    def _tidy(self, tracked: Tracked) -> None:
        """Leave the archive, the logs without secrets, and state.json."""
        for name in (EVENTS, "offline.done", "online.done"):
            (self._run.comet / name).unlink(missing_ok=True)
        for log in self._run.comet.glob("*.log"):
            log.write_text(redact(log.read_text(errors="replace")))
        state = asdict(tracked) | {"archive": tracked.archive and Path(tracked.archive).name, "upload": None}
        atomic.write(self._run.comet / "state.json", json.dumps(state, indent=2, sort_keys=True) + "\n")


def experiment_key(run_id: str) -> str:
    """Comet's key for a run: derived, so that a resumed run comes back to its own experiment (32 to 50 alphanumerics)."""
    return hashlib.sha256(f"comet {run_id}".encode()).hexdigest()[:40]


def has_key() -> bool:
    """Whether Comet would find a key: in the environment or in one of its own files; without importing it."""
    if "COMET_API_KEY" in os.environ:
        return bool(os.environ["COMET_API_KEY"])
    named = os.environ["COMET_CONFIG"] if "COMET_CONFIG" in os.environ else "~/.comet.config"
    files = [Path(named).expanduser(), Path(".comet.config")]
    pattern = re.compile(r"^\s*(api_key|COMET_API_KEY)\s*=\s*\S", re.MULTILINE)
    return any(pattern.search(path.read_text(errors="replace")) for path in files if path.is_file())


def main(kind: str, folder: str, key: str, project: str, workspace: str) -> int:
    """A child: open the experiment, log the plan, follow the events, log the record, end."""
    run = RunFolder(Path(folder))
    import comet_ml

    settings = comet_ml.ExperimentConfig(
        offline_directory=str(run.comet) if kind == "offline" else None,
        name=run.path.name,
        auto_output_logging=False,  # type: ignore[arg-type]
        **dict.fromkeys(_AUTOMATIC, False),
    )
    experiment = comet_ml.start(
        online=kind == "online",
        experiment_key=key,
        project_name=project,
        workspace=workspace or None,
        experiment_config=settings,
    )
    if not experiment.alive:
        return 1
    _log_plan(experiment, run)
    for values in _events(run.comet / EVENTS):
        names = [name for name in values if name not in ("epoch", "step")]
        experiment.log_metrics(
            {name: values[name] for name in names}, step=int(values["step"]), epoch=int(values["epoch"])
        )
    _log_record(experiment, run)
    delivered = experiment.flush(timeout=int(PATIENCE)) if kind == "online" else True
    experiment.end()
    if delivered:
        atomic.write(run.comet / f"{kind}.done", experiment.url if kind == "online" else "written")
    return 0 if delivered else 1


# What Comet would gather by itself: of this child's process and folder, which are not the run's.
_AUTOMATIC = (
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
    "auto_param_logging",
    "auto_metric_logging",
    "auto_log_co2",
)


def _log_plan(experiment: Any, run: RunFolder) -> None:
    planned = json.loads(run.plan.read_text())
    what, where, git = planned["experiment"], planned["placement"], planned["provenance"]["git"]
    experiment.log_parameters(what["config"])
    dataset = {"dataset_name": what["dataset"]["name"], "dataset_hash": what["dataset"]["hash"]}
    experiment.log_parameters({**dataset, "experiment_id": planned["experiment_id"]})
    source = {f"git_{name}": value for name, value in (git or {"commit": None}).items()}
    others = {
        "run_id": planned["run_id"],
        "code_sha256": what["code"],
        "lock_sha256": what["lock"],
        **dataset,
        **source,
    }
    experiment.log_others({name: "unknown" if value is None else value for name, value in others.items()})
    experiment.log_others({f"placement/{name}": str(value) for name, value in where.items()})
    depth = f"resnet{what['config']['resnet_size']}v{what['config']['resnet_version']}"
    marks = [where["mode"], where["runner"], depth]
    marks += ["sample-data"] if what["dataset"]["sample"] else []
    marks += ["dirty"] if git and git["dirty"] else []
    experiment.add_tags(marks)
    experiment.log_asset(str(run.plan), file_name=run.plan.name)
    if run.patch.exists():
        experiment.log_asset(str(run.patch), file_name=run.patch.name)


def _log_record(experiment: Any, run: RunFolder) -> None:
    record = json.loads(run.record.read_text())
    experiment.log_others(
        {"status": record["status"], "reason": record["reason"] or "", "weights_sha256": record["weights"] or ""}
    )
    experiment.log_others({f"environment/{name}": str(value) for name, value in (record["environment"] or {}).items()})
    experiment.log_others({f"seconds/{name}": value for name, value in record["seconds"].items()})
    experiment.add_tag(record["status"])
    results = record["results"]
    if results:
        experiment.log_metrics({name: value for name, value in results.items() if isinstance(value, int | float)})
        experiment.log_confusion_matrix(
            matrix=results["confusion"], labels=results["class_names"], title="Confusion matrix (test set)"
        )
    experiment.log_asset(str(run.record), file_name=run.record.name)


def _events(path: Path) -> Iterator[dict[str, float]]:
    """The lines of the file as they come, up to the end mark; stops too when the host is gone."""
    parent, rest = os.getppid(), ""
    with path.open(encoding="utf-8") as file:
        while os.getppid() == parent:
            rest += file.readline()
            if not rest.endswith("\n"):
                time.sleep(LOOK)
                continue
            values = json.loads(rest)
            rest = ""
            if "end" in values:
                return
            yield values
    raise SystemExit("the host is gone")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
