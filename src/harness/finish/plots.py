"""The plots of a run: its learning curve, and those that its program draws."""

import contextlib
import io
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.console import say
from harness.contract import atomic, metrics, program
from harness.contract.errors import HarnessError
from harness.contract.metrics import Epoch, Metric
from harness.contract.record import RunRecord
from harness.runs.run_folder import RunFolder

STYLES = {"train": "--", "validation": "-"}
ROW = 2  # axes side by side


def prepare() -> None:
    """Import what draws, which takes a while, before there is anything to draw."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401  # imported for later


def draw(run: RunFolder, record: RunRecord, data: Path) -> None:
    """Draw learning_curve.png and .svg from metrics.csv and, of a run with results, the program's own plots.

    A run that failed before its first epoch gets no plot. One whose program is not there any more, or cannot draw, gets
    the learning curve alone, and a line says so.
    """
    with contextlib.suppress(OSError, ValueError, TypeError):  # a file that did not arrive whole: the record says so
        if epochs := metrics.epochs(run.metrics):
            _learning_curve(epochs, record.description.metrics, run.curve)
    if record.results is None:
        return
    name = record.experiment.program
    try:
        for file, figure in program.load(name).plots(run.path, data):
            save(figure, run.path / file)
    except HarnessError as error:
        say(f"plots     the learning curve alone: {error.what}")
    except Exception as error:  # a finished run is not lost for want of a plot
        with contextlib.suppress(OSError), run.log.open("a", encoding="utf-8", errors="backslashreplace") as log:
            traceback.print_exc(file=log)
        say(f"plots     not all of them: {name} raised {type(error).__name__}: {error}")


def _learning_curve(epochs: Sequence[Epoch], named: Sequence[Metric], path: Path) -> None:
    """The curves of each metric on training and validation data, as far as the epochs have them."""
    drawn = [each for each in named if any(f"{part}_{each.name}" in epochs[0] for part in STYLES)]
    if not drawn:
        return
    columns = min(ROW, len(drawn))
    rows = -(-len(drawn) // columns)
    figure, axes = _figure(rows, columns)
    for axis in axes.flat[len(drawn) :]:
        axis.remove()
    for axis, metric in zip(axes.flat, drawn, strict=False):
        for part, style in STYLES.items():
            column = f"{part}_{metric.name}"
            if column in epochs[0]:
                numbers = [epoch["epoch"] for epoch in epochs], [epoch[column] for epoch in epochs]
                axis.plot(*numbers, style, marker=".", label=part)
        axis.set(xlabel="epoch", ylabel=f"{metric.name} ({metric.unit})" if metric.unit else metric.name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    save(figure, path.with_suffix(".png"))
    save(figure, path.with_suffix(".svg"))


def _figure(rows: int, columns: int) -> tuple[Any, Any]:
    """A figure that needs no display, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * columns, 3.6 * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def save(figure: Any, path: Path) -> None:
    """Write a figure, whole or not at all: equal figures give equal bytes."""
    from matplotlib import rcParams

    rcParams["svg.hashsalt"] = "harness"  # else equal plots get unequal ids
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=100, metadata={"Date": None} if path.suffix == ".svg" else {})
    atomic.write(path, content.getvalue())
