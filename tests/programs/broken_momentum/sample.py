"""Sixty points of a line, the same bytes on every machine."""

from pathlib import Path

from harness.contract import atomic, identity
from harness.contract.plan import DatasetId


def write(folder: Path) -> DatasetId:
    """Write points.csv, of `x,y` lines."""
    with atomic.folder(folder) as temporary:
        lines = [f"{(7 * number) % 60 / 30 - 1:.4f},{(7 * number) % 60 / 20 - 1:.4f}\n" for number in range(60)]
        (temporary / "points.csv").write_text("".join(lines))
    return identity.identify(folder, "line")
