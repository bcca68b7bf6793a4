"""Print how much of src/ the tests executed, by package, the least first; `make coverage` runs it after the tests.

The data are those of every process that the tests started (.coverage_cache/). Lines of the copies of the project that
tests make, and of the code in run folders, count for the lines of src/ that they are copies of. Not measured: what
runs in containers, and programs that a test starts with an environment of its own. The last line is the total.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    data = Coverage(config_file=str(ROOT / "pyproject.toml"))
    data.combine(keep=True)
    if not data.get_data().measured_files():
        sys.exit("no process left coverage data; type: make coverage")
    print("\n".join(table(by_package(lines(data, sorted((ROOT / "src").rglob("*.py")))))))


def lines(data: Coverage, files: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """(statements, those that were executed) of each file; a file that nothing imported has executed none."""
    counts = {}
    for path in files:
        _, statements, _, missing, _ = data.analysis2(str(path))
        counts[path.relative_to(ROOT / "src")] = (len(statements), len(statements) - len(missing))
    return counts


def by_package(counts: Mapping[Path, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """The sums of the files of each folder; packages without statements are left out."""
    sums: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for path, (statements, executed) in counts.items():
        before = sums[path.parent.as_posix()]
        sums[path.parent.as_posix()] = (before[0] + statements, before[1] + executed)
    return {package: each for package, each in sums.items() if each[0]}


def table(sums: Mapping[str, tuple[int, int]]) -> list[str]:
    """A line for each package, the least executed first, and one for all."""
    names = {package: "commands" if package == "." else package for package in sums}
    width = max(len("package"), *(len(name) for name in names.values()))
    ordered = sorted(sums, key=lambda package: (sums[package][1] / sums[package][0], package))
    total = tuple(sum(column) for column in zip(*sums.values(), strict=True))
    rows = [(names[package], *sums[package]) for package in ordered] + [("total", total[0], total[1])]
    return [
        f"{'package':{width}}  statements  executed  coverage",
        *(f"{name:{width}}  {all_:10}  {executed:8}  {executed / all_:8.1%}" for name, all_, executed in rows),
    ]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
