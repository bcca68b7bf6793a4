"""A run as one file: written as an RO-Crate, read back from one, from Comet's archive, or from Comet itself.

RO-Crate (https://w3id.org/ro/crate/1.1) is a folder with a description in JSON-LD; its profile Process Run Crate
(https://w3id.org/ro/wfrun/process/0.5) says how a program's run is described. The description names each file with its
sha256: what is read back is verified by it.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from harness.contract import atomic
from harness.contract.errors import NotReady
from harness.provenance.credentials import redact, secrets
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun
from harness.sharing import crate
from harness.tracking.logged import CODE

METADATA = crate.METADATA
LARGEST = 2**28  # bytes of one file
DATA = "data.dvc"  # the pin of the run's data, as DVC writes it
FILES = ("plan.json", "record.json", "metrics.csv", "predictions.csv", "changes.patch", "log.txt", "verdict.json")
EPOCH = (1980, 1, 1, 0, 0, 0)  # equal content gives equal bytes


def pack(run: StoredRun, root: Path, model: bool, license_: str) -> bytes:
    """The archive of a run: equal runs give equal bytes. `root` is the project, for the lock of the host.

    Raises:
        NotReady: a file of the run cannot be read, or holds a secret of the environment.
    """
    folder = run.folder
    if model and not run.model.exists():
        raise NotReady(f"{folder.path} has no model", legal="a completed run, or no model=true")
    paths = [path for path in (folder.path / name for name in FILES) if path.is_file()]
    paths += [path for path in folder.path.iterdir() if crate.is_plot(path.name)] + ([run.model] if model else [])
    paths += [path for each in (folder.code, folder.baseline) for path in sorted(each.rglob("*")) if path.is_file()]
    try:
        files = {path.relative_to(folder.path).as_posix(): path.read_bytes() for path in paths}
        lock = (root / "requirements.lock").read_bytes()
    except OSError as error:
        raise NotReady(f"{folder.path} cannot be exported: {error}") from error
    files = {name: content for name, content in files.items() if "__pycache__" not in name}
    if "log.txt" in files:
        files["log.txt"] = redact(files["log.txt"].decode(errors="replace")).encode()
    for name, content in files.items():
        if any(secret in content for secret in secrets()):
            raise NotReady(f"{name} of {run.run_id} holds a secret of your environment", legal="a run without one")
    files[DATA] = _pin(run)
    if hashlib.sha256(lock).hexdigest() == run.plan.provenance.environment_lock:
        files["requirements.lock"] = lock
    return _zip({**files, METADATA: crate.describe(run, files, license_)})


def _pin(run: StoredRun) -> bytes:
    """The data set's hash, by which DVC finds it in a cache or remote."""
    data = run.plan.experiment.dataset
    lines = ("outs:", f"- md5: {data.hash}", f"  size: {data.size}", f"  nfiles: {len(data.files)}")
    return "\n".join((*lines, "  hash: md5", "  path: data", "")).encode()


def _zip(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return content.getvalue()


def open_archive(path: Path, scratch: Path) -> RunFolder:
    """Unpack an exported archive: the files that its description names, each verified by its sha256.

    Raises:
        NotReady: it is damaged, altered, or not one of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            described = json.loads(_read(archive, METADATA))
            for name, sha256 in crate.files(described).items():
                content = _read(archive, name)
                if hashlib.sha256(content).hexdigest() != sha256:
                    raise NotReady(f"{path}: {name} is not the file that {METADATA} describes")
                _write_below(scratch, name, content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise NotReady(
            f"{path} is damaged, or no archive of a run: {error}", command="python src/export.py RUN"
        ) from error
    return _with_plan(RunFolder(scratch), str(path))


def open_comet(path: Path, scratch: Path) -> RunFolder:
    """Take a run's files out of Comet's offline archive of it.

    Raises:
        NotReady: it is damaged, or of no run of this program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            messages = [json.loads(line) for line in _read(archive, "messages.json").splitlines()]
            stored = {PurePosixPath(name).name: name for name in archive.namelist()}
            for payload in (message["payload"] for message in messages if message["type"] == "file_upload"):
                at = PurePosixPath(str(payload["file_path"])).name
                if at in stored:
                    _write_known(scratch, str(payload["additional_params"]["fileName"]), _read(archive, stored[at]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise NotReady(
            f"{path} is damaged, or no archive of Comet's: {error}", legal="runs/RUN/comet/KEY.zip"
        ) from error
    return _with_plan(RunFolder(scratch), str(path))


def fetch_comet(key: str, scratch: Path) -> RunFolder:
    """Get a run's files from Comet itself.

    Raises:
        NotReady: Comet does not know the experiment or cannot be reached, or no run of this program is there.
    """
    from harness.tracking import remote

    for name, content in remote.download(key, (*FILES, CODE)).items():
        _write_known(scratch, name, content)
    return _with_plan(RunFolder(scratch), f"Comet's experiment {key}")


def _write_known(scratch: Path, name: str, content: bytes) -> None:
    """One of the files that Comet holds; others are not the run's own."""
    if name in FILES:
        _write_below(scratch, name, content)
    elif name == CODE:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner in archive.namelist():
                _write_below(scratch, f"code/{inner}", _read(archive, inner))


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > LARGEST:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


def _write_below(scratch: Path, name: str, content: bytes) -> None:
    """Write a file below the folder, and nowhere else."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or {"..", "."} & {*parts}:
        raise ValueError(f"{name!r} is no name of a file in an archive")
    target = scratch.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _with_plan(run: RunFolder, where: str) -> RunFolder:
    if not run.plan.exists():
        raise NotReady(f"{where} holds no plan.json", legal="an archive of a run: python src/export.py RUN")
    return run


def save(content: bytes, target: Path) -> None:
    """Leave the archive under its name.

    Raises:
        NotReady: it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(target, content)
    except OSError as error:
        raise NotReady(f"{target} cannot be written: {error.strerror}", command="df -h .") from error
