"""Two clouds of points, the same bytes on every machine."""

import shutil
from pathlib import Path

from harness.contract import atomic, identity
from harness.contract.plan import DatasetId

NAME = "sample-points"
HASH = "182aa3a519db7a964c03f1078c486f0a.dir"


def write(folder: Path) -> DatasetId:
    """Write train.csv (350 points) and test.csv (200); integers by a linear congruence, so that no library matters."""
    value = 12345

    def number(below: int) -> int:
        nonlocal value
        value = (value * 1103515245 + 12345) % 2**31
        return (value >> 8) % below

    shutil.rmtree(folder, ignore_errors=True)
    with atomic.folder(folder) as temporary:
        for name, count in (("train", 350), ("test", 200)):
            lines = []
            for _ in range(count):
                label = number(2)
                lines.append(f"{(number(400) - 250 + 100 * label) / 100},{(number(400) - 200) / 100},{label}\n")
            (temporary / f"{name}.csv").write_text("".join(lines))
    return identity.identify(folder, NAME, sample=True)
