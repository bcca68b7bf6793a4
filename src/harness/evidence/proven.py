"""The proofs that are kept: .cache/proofs, one file for each (code, program, lock, fingerprint, number of workers)."""

from dataclasses import dataclass
from pathlib import Path

from harness.contract import atomic
from harness.contract.plan import Promise, Scalar
from harness.contract.serial import LARGEST, dumps, from_json, parse
from harness.runs import reading

FOLDER = Path(".cache", "proofs")  # below the project
SHORT = 12  # characters of each hash in a file's name


@dataclass(frozen=True)
class Proof:
    """What was tested, with which settings, and what came of it."""

    program: str
    code: str
    lock: str
    fingerprint: str
    workers: int
    config: dict[str, Scalar]
    created: str
    promises: tuple[Promise, ...]


def keep(root: Path, proof: Proof) -> Path:
    """Write a proof, over an older one of the same key.

    Raises:
        OSError: as the file system says.
    """
    hashes = "-".join(each[:SHORT] for each in (proof.code, proof.lock, proof.fingerprint))
    path = root / FOLDER / f"{proof.program}-{hashes}-{proof.workers}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(path, dumps(proof))
    return path


def known(root: Path, program: str, code: str, lock: str, workers: int) -> tuple[Promise, ...]:
    """The promises that were tested of a program's code, whatever its settings; none that cannot be read."""
    promises: dict[tuple[str, str], Promise] = {}
    for path in sorted((root / FOLDER).glob(f"{program}-*.json")):
        try:
            proof = from_json(Proof, parse(reading.content(path, LARGEST)))
        except (OSError, ValueError):
            continue
        if (proof.program, proof.code, proof.lock, proof.workers) == (program, code, lock, workers):
            promises |= {(each.name, each.fingerprint): each for each in proof.promises}
    return tuple(promises.values())
