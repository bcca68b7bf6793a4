"""The digits that scikit-learn carries: 1797 rows of 64 grey values and a label."""

import gzip
import importlib.util
from pathlib import Path

from harness.contract import identity
from harness.contract.plan import DatasetId
from harness.contract.source import Sample


def write(folder: Path) -> DatasetId:
    """Write digits.csv from the package's own file: importing the package would take seconds."""
    package = importlib.util.find_spec("sklearn")
    assert package and package.origin, "scikit-learn, which carries the digits, is not installed: make venv"
    folder.mkdir(parents=True, exist_ok=True)
    packed = (Path(package.origin).parent / "datasets/data/digits.csv.gz").read_bytes()
    (folder / "digits.csv").write_bytes(gzip.decompress(packed))
    return identity.identify(folder, "digits")


SAMPLE = Sample("digits", "ec26e5dd91da33d78456618fae4df905.dir", write, real=True)
