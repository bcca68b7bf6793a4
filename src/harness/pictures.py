"""Pictures of a run: its learning curve, and the test images that it classified worst."""

import csv
import io
from pathlib import Path
from typing import Any

from harness import atomic, dataset
from harness.folders import RunFolder

WORST = (5, 8)  # rows, columns
MARKS = ("accuracy", "loss")


def draw(run: RunFolder, data: Path) -> None:
    """Draw what the run left: learning_curve.png and .svg from metrics.csv, worst_images.png from predictions.csv.

    A run that failed early leaves neither of those, and gets no picture.
    """
    if run.metrics.exists():
        _learning_curve(_rows(run.metrics), run.curve)
    if run.predictions.exists():
        _worst(_rows(run.predictions), data, run.worst)


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


def _worst(predictions: list[dict[str, float]], data: Path, path: Path) -> None:
    """The wrongly classified images of the largest loss, each with its label and what it was taken for."""
    images, names = dataset.load_test(data)[0], dataset.class_names(data)
    wrong = [row for row in predictions if row["label"] != row["predicted"]]
    wrong.sort(key=lambda row: (-row["loss"], row["image"]))
    figure, axes = _figure(1, 1, (12, 9.8))
    axis = axes[0, 0]
    axis.set(xlim=(0, WORST[1]), ylim=(WORST[0], 0))
    axis.axis("off")
    axis.set_title(f"{len(wrong)} of {len(predictions)} test images are wrong; these are the worst")
    for number, row in enumerate(wrong[: WORST[0] * WORST[1]]):
        down, right = divmod(number, WORST[1])
        image = images[int(row["image"])]
        place = (right + 0.08, right + 0.92, down + 0.98, down + 0.28)  # left, right, bottom, top; rows are 1.2 high
        axis.imshow(image, extent=place, aspect=1.2, interpolation="nearest")
        label, found = (names[int(row[column])] for column in ("label", "predicted"))
        text = f"{label}, no. {row['image']:.0f}\nas {found}, loss {row['loss']:.1f}"
        axis.text(right + 0.5, down + 0.25, text, ha="center", va="bottom", fontsize=7)
    _save(figure, path)


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
