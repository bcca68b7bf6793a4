"""Check the score of a saved model against what its run recorded. Pure, but for reading the record."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.contract import legal, program
from harness.contract.errors import HarnessError, RunFailed, SettingError
from harness.contract.metrics import Metric
from harness.contract.program import Scores
from harness.contract.serial import parse
from harness.evidence import quantity
from harness.runs import run_folder
from harness.runs.run_folder import RunFolder

CLOSE = 1e-5  # relative: sums of another order of numbers of one precision
LEGAL = "a run's folder, or one that dvc repro published"


@dataclass(frozen=True)
class Recorded:
    """A saved model and what was recorded of it: its program, the hash of its data, test values by metric."""

    program: str
    model: Path
    dataset_hash: str
    metrics: tuple[Metric, ...]
    values: Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """One metric of a saved model, as scored and as recorded."""

    metric: Metric
    value: float
    recorded: float
    examples: int

    @property
    def agrees(self) -> bool:
        """Of a share, whether as many examples are counted; else whether the values are close."""
        if self.metric.share and self.examples:
            return round(self.value * self.examples) == round(self.recorded * self.examples)
        return math.isclose(self.value, self.recorded, rel_tol=CLOSE)

    def __str__(self) -> str:
        start = f"test {self.metric.name} {quantity.text(self.metric, self.value)}"
        if self.metric.share and self.examples:
            counts = [round(value * self.examples) for value in (self.value, self.recorded)]
            return f"{start} ({counts[0]} of {self.examples}), recorded {counts[1]}"
        return f"{start}, recorded {quantity.text(self.metric, self.recorded)}"


def recorded(folder: Path) -> Recorded:
    """What is known of the model in a run folder by its record, or in a published folder by its metrics.

    Raises:
        SettingError: the folder holds neither, or its program is not there any more.
        RunFailed: the run failed and has no model.
    """
    published = folder / "metrics.json"
    try:
        if published.exists():
            content = parse(published.read_text())
            owner = program.load(content["program"])
            model = folder / owner.model
            return Recorded(content["program"], model, content["dataset_hash"], owner.metrics, _tested(content))
        record = run_folder.read_record(RunFolder(folder).record)
    except FileNotFoundError as error:
        command = "python src/evaluate.py runs/RUN_ID"
        raise SettingError(f"{folder} holds no record", legal=LEGAL, command=command) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{folder} cannot be read by this version: {error}", legal=LEGAL) from error
    if record.results is None:
        raise RunFailed(f"{folder} failed and has no model: {record.reason}")
    return Recorded(
        record.experiment.program,
        RunFolder(folder).model(record),
        record.experiment.dataset.hash,
        record.description.metrics,
        _tested(record.results.metrics),
    )


def score(expected: Recorded, data: Path) -> Scores:
    """The score of a saved model by its program.

    Raises:
        SettingError: the program is not there, or has none.
        RunFailed: the model is missing, damaged, or not one of that program.
    """
    scorer = program.scorer(expected.program)
    if not expected.model.is_file() or expected.model.is_symlink():
        raise RunFailed(f"{expected.model} is not there")
    try:
        return scorer(expected.model, data)
    except HarnessError:
        raise
    except Exception as error:  # whatever a damaged model makes its framework raise
        words = legal.spelled(" ".join(f"{type(error).__name__}: {error}".split())[:300])
        raise RunFailed(f"{expected.model} cannot be scored: {words}") from error


def check(expected: Recorded, scores: Scores) -> list[Check]:
    """Compare each metric that the score gives and the record has.

    Raises:
        RunFailed: there is none.
    """
    examples = len(scores.right)
    checks = [
        Check(metric, scores.metrics[metric.name], expected.values[metric.name], examples)
        for metric in expected.metrics
        if metric.name in scores.metrics and metric.name in expected.values
    ]
    if not checks:
        names = ", ".join(metric.name for metric in expected.metrics)
        raise RunFailed(f"the score of {expected.program} has none of the recorded metrics: {names}")
    return checks


def _tested(values: Mapping[str, float]) -> dict[str, float]:
    tested = {name.removeprefix("test_"): value for name, value in values.items() if name.startswith("test_")}
    return {name: float(value) for name, value in tested.items()}
