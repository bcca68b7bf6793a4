"""A run as one file: written as an RO-Crate, read back from one, from Comet's archive, or from Comet itself.

RO-Crate (https://w3id.org/ro/crate/1.1) is a folder with a description in JSON-LD; its profile Process Run Crate
(https://w3id.org/ro/wfrun/process/0.5) says how a program's run is described. The description names each file with its
sha256: what is read back is verified by it.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from harness.contract import legal
from harness.contract.errors import NotReady
from harness.contract.serial import parse
from harness.provenance.credentials import redact
from harness.runs import reading, unpack
from harness.runs.run_folder import RunFolder
from harness.runs.stored import StoredRun
from harness.sharing import crate, screen
from harness.tracking.logged import CODE

METADATA = crate.METADATA
LARGEST_JSON = 2**24  # bytes of a description
DATA = "data.dvc"  # the pin of the run's data, as DVC writes it
FILES = ("plan.json", "record.json", "metrics.csv", "predictions.csv", "changes.patch", "log.txt", "verdict.json")
EPOCH = (1980, 1, 1, 0, 0, 0)  # equal content gives equal bytes


def pack(
    run: StoredRun, root: Path, model: bool, license_: str, say: Callable[[str], None] = lambda line: None
) -> bytes:
    """The archive of a run: equal runs give equal bytes. `root` is the project, for the lock of the host.

    Of its log, secrets are cut out; any other file with one is refused.

    Raises:
        NotReady: a file of the run cannot be read, or holds a secret.
    """
    folder = run.folder
    if model and not run.model.exists():
        raise NotReady(f"{folder.path} has no model", legal="a completed run, or no model=true")
    try:
        names = sorted(path.name for path in folder.path.iterdir())
        paths = [folder.path / name for name in names if name in FILES or crate.is_plot(name)]
        paths += [run.model] if model else []
        paths += [path for each in (folder.code, folder.baseline) for path in reading.below(each)]
        files = {path.relative_to(folder.path).as_posix(): reading.content(path, unpack.LARGEST) for path in paths}
        lock = (root / "requirements.lock").read_bytes()
    except (OSError, ValueError) as error:
        raise NotReady(f"{run.run_id} cannot be exported: {legal.spelled(str(error))}") from error
    files = {name: content for name, content in files.items() if "__pycache__" not in name}
    if "log.txt" in files:
        text = files["log.txt"].decode(errors="replace")
        files["log.txt"] = (redacted := redact(text, log=True)).encode()
        if redacted != text:
            say("redacted  log.txt: it held what looks like a secret")
    screen.refuse(files, run.run_id)
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
        with unpack.opened(path) as archive:
            described = parse(archive.read(METADATA, LARGEST_JSON))
            for name, sha256 in crate.files(described).items():
                content = archive.read(name)
                if hashlib.sha256(content).hexdigest() != sha256:
                    raise NotReady(f"{path}: {legal.spelled(name)} is not the file that {METADATA} describes")
                unpack.write_below(scratch, name, content)
    except unpack.DAMAGED as error:
        what = f"{path} is damaged, or no archive of a run: {legal.spelled(str(error))}"
        raise NotReady(what, command="python src/export.py RUN") from error
    return _with_plan(RunFolder(scratch), str(path))


def open_comet(path: Path, scratch: Path) -> RunFolder:
    """Take a run's files out of Comet's offline archive of it.

    Raises:
        NotReady: it is damaged, or of no run of this program.
    """
    try:
        with unpack.opened(path) as archive:
            messages = [parse(line) for line in archive.read("messages.json", LARGEST_JSON).splitlines()]
            stored = {PurePosixPath(name).name: name for name in archive.names}
            for payload in (message["payload"] for message in messages if message["type"] == "file_upload"):
                at = PurePosixPath(str(payload["file_path"])).name
                if at in stored:
                    _write_known(scratch, str(payload["additional_params"]["fileName"]), archive.read(stored[at]))
    except unpack.DAMAGED as error:
        what = f"{path} is damaged, or no archive of Comet's: {legal.spelled(str(error))}"
        raise NotReady(what, legal="runs/RUN/comet/KEY.zip") from error
    return _with_plan(RunFolder(scratch), str(path))


def fetch_comet(key: str, scratch: Path) -> RunFolder:
    """Get a run's files from Comet itself.

    Raises:
        NotReady: Comet does not know the experiment or cannot be reached, or no run of this program is there.
    """
    from harness.tracking import remote

    try:
        for name, content in remote.download(key, (*FILES, CODE)).items():
            _write_known(scratch, name, content)
    except unpack.DAMAGED as error:
        raise NotReady(f"what Comet has of {key} is damaged: {legal.spelled(str(error))}") from error
    return _with_plan(RunFolder(scratch), f"Comet's experiment {key}")


def _write_known(scratch: Path, name: str, content: bytes) -> None:
    """One of the files that Comet holds; others are not the run's own."""
    if name in FILES:
        unpack.write_below(scratch, name, content)
    elif name == CODE:
        with unpack.opened(content) as archive:
            for inner in archive.names:
                unpack.write_below(scratch, f"code/{inner}", archive.read(inner))


def _with_plan(run: RunFolder, where: str) -> RunFolder:
    if not run.plan.exists():
        raise NotReady(f"{where} holds no plan.json", legal="an archive of a run: python src/export.py RUN")
    return run
