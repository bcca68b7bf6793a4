"""The classes of test examples, as a run's predictions tell them, checked against its record."""

import csv
import io
from dataclasses import dataclass

from harness.contract import legal
from harness.runs import reading
from harness.runs.stored import StoredRun

LARGEST = 2**28  # bytes of a predictions.csv
TRUE, PREDICTED = "label", "predicted"  # its columns that hold a class's number
MOST = 100  # classes that are judged one by one


@dataclass(frozen=True)
class Classes:
    """`names` of the classes; `of` has for each test example, in the order of the test set, the number of its class."""

    names: tuple[str, ...]
    of: tuple[int, ...]

    def members(self, number: int) -> list[int]:
        """The examples of a class, by their place in the test set."""
        return [at for at, each in enumerate(self.of) if each == number]


def of_test_set(run: StoredRun) -> Classes | None:
    """The classes of the test set that a run was tested on; None where it is no classifier or does not say.

    A predictions.csv with the columns `label` and `predicted` says it, if counting them gives the record's confusion.
    """
    results = run.record.results if run.record else None
    if results is None or not results.confusion or not 1 < len(results.classes) <= MOST:
        return None
    try:
        text = reading.content(run.folder.predictions, LARGEST).decode()
        pairs = [(int(row[TRUE]), int(row[PREDICTED])) for row in csv.DictReader(io.StringIO(text))]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return None
    counted = [[0] * len(results.classes) for _ in results.classes]
    for true, predicted in pairs:
        if not (0 <= true < len(counted) and 0 <= predicted < len(counted)):
            return None
        counted[true][predicted] += 1
    if tuple(map(tuple, counted)) != results.confusion:
        return None
    names = tuple(legal.spelled(name) for name in results.classes)
    return Classes(names, tuple(true for true, _ in pairs))
