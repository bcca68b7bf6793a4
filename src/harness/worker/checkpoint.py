"""Checkpoints on disk, and digests of weights.

NumPy is imported when it is needed: a program's runtime first sets what NumPy reads when it loads.
"""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.contract.errors import NotReady
from harness.contract.steps import Arrays

KEEP = 2  # the newest may be torn; the one before it is then still good
UPLOAD = (".sagemaker-uploading", ".sagemaker-uploaded")  # the marks that SageMaker lays beside a file, one at a time
SHORT = 16  # hexadecimal characters that tell two tensors, or two epochs, apart


def digest(weights: Arrays) -> str:
    """sha256 (hex) over weights by path, sorted: path, shape, dtype, bytes (little-endian)."""
    import numpy as np

    total = hashlib.sha256()
    for path, array in sorted(weights.items()):
        total.update(f"{path} {list(array.shape)} {array.dtype}\n".encode())
        total.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return total.hexdigest()


def tensor_digests(weights: Arrays) -> tuple[tuple[str, ...], ...]:
    """(path, first 16 characters of its digest) of each array, in the order of the mapping."""
    return tuple((path, digest({path: array})[:SHORT]) for path, array in weights.items())


@dataclass(frozen=True)
class Checkpoint:
    """A training between two steps.

    `step` counts the steps done. `arrays` holds everything that a step reads and writes: weights, moving statistics,
    momentum, sums of the current epoch. `epochs` are the rows of the epochs done. All else follows from settings,
    data and step.
    """

    experiment_id: str
    step: int
    epochs: list[dict[str, Any]]
    arrays: Arrays


def write(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `step-<step>.ckpt`, whole or not at all, and remove all but the newest two.

    The file is its own digest (sha256, hex) and a newline, one line of JSON, then NumPy's npz.

    Raises:
        OSError: as the file system says; older checkpoints are untouched.
    """
    import numpy as np

    head = {"experiment_id": checkpoint.experiment_id, "step": checkpoint.step, "epochs": checkpoint.epochs}
    arrays = io.BytesIO()
    np.savez(arrays, allow_pickle=False, **checkpoint.arrays)
    body = json.dumps(head).encode() + b"\n" + arrays.getvalue()
    path = folder / f"step-{checkpoint.step:09d}.ckpt"
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body, atomic.UNSYNCED)
    for old in _newest_first(folder)[KEEP:]:
        begun, done = (old.with_name(f"{old.name}{mark}") for mark in UPLOAD)
        if not begun.exists():  # a file that vanishes while SageMaker uploads it fails the job
            old.unlink()
            done.unlink(missing_ok=True)
    return path


def load_latest(folder: Path, experiment_id: str, note: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint, or None. Each one that is torn or altered is skipped with one `note`.

    Raises:
        NotReady: the checkpoint belongs to another experiment.
    """
    for path in _newest_first(folder):
        checkpoint = _read(path)
        if checkpoint is None:
            note(f"{path.name} is torn or altered: skipped")
        elif checkpoint.experiment_id != experiment_id:
            raise NotReady(
                f"{path} belongs to experiment {checkpoint.experiment_id[:8]}, not to {experiment_id[:8]}",
                legal="an empty folder, or this experiment's own",
            )
        else:
            return checkpoint
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.ckpt"), reverse=True)


def _read(path: Path) -> Checkpoint | None:
    import numpy as np

    expected, _, body = path.read_bytes().partition(b"\n")
    if expected != hashlib.sha256(body).hexdigest().encode():
        return None
    head, _, arrays = body.partition(b"\n")
    with np.load(io.BytesIO(arrays), allow_pickle=False) as archive:
        return Checkpoint(**json.loads(head), arrays={name: archive[name] for name in archive.files})
