"""Pictures of a run: its learning curve, and the test images that it classified worst."""

import csv
import io
from pathlib import Path
from typing import Any

from harness.contract import atomic
from harness.runs.run_folder import RunFolder
from programs.cifar10.host.plots import worst

MARKS = ("accuracy", "loss")


def draw(run: RunFolder, data: Path) -> None:
    """Draw what the run left: learning_curve.png and .svg from metrics.csv, worst_images.png from predictions.csv.

    A run that failed early leaves neither of those, and gets no picture.
    """
    if run.metrics.exists():
        _learning_curve(_rows(run.metrics), run.curve)
    if run.predictions.exists():
        worst(_rows(run.predictions), data, run.worst)


def _rows(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [
            {name: float(value) for name, value in row.items() if name != "weights"} for row in csv.DictReader(file)
        ]


def _learning_curve(epochs: list[dict[str, float]], path: Path) -> None:
    figure, axes = _figure(1, 2, (9, 3.6))
    for axis, mark in zip(axes.flat, MARKS, strict=True):
        for name, style in (("train", "--"), ("validation", "-")):
            values = [epoch[f"{name}_{mark}"] for epoch in epochs]
            axis.plot([epoch["epoch"] for epoch in epochs], values, style, marker=".", label=name)
        axis.set(xlabel="epoch", ylabel=f"{mark} (nats)" if mark == "loss" else mark)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    _save(figure, path.with_suffix(".png"))
    _save(figure, path.with_suffix(".svg"))


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    """A figure that needs no display, and its axes."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.hashsalt"] = "harness"  # else equal pictures get unequal ids
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure: Any, path: Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=100, metadata={"Date": None} if path.suffix == ".svg" else {})
    atomic.write(path, content.getvalue())
