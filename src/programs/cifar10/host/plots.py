"""Plots of a run that show images."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.contract.errors import DataError
from programs.cifar10 import dataset

LARGEST = 2**26  # bytes of predictions.csv
WORST = (5, 8)  # rows, columns


def worst(run: Path, data: Path) -> Iterator[tuple[str, Any]]:
    """The wrongly classified test images of the largest loss, each with its label and what it was taken for.

    From predictions.csv of a run folder; a run that failed early left none, and gets no plot.
    """
    from matplotlib.figure import Figure

    if not (run / "predictions.csv").exists():
        return
    with (run / "predictions.csv").open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise DataError(f"{file.name} has more than {LARGEST} bytes")
    rows = csv.DictReader(io.StringIO(content.decode()))
    predictions = [{name: float(value) for name, value in row.items()} for row in rows]
    images, names = dataset.load_test(data)[0], dataset.class_names(data)
    wrong = [row for row in predictions if row["label"] != row["predicted"]]
    wrong.sort(key=lambda row: (-row["loss"], row["image"]))
    figure = Figure(figsize=(12, 9.8), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(0, WORST[1]), ylim=(WORST[0], 0))
    axis.axis("off")
    axis.set_title(f"{len(wrong)} of {len(predictions)} test images are wrong; these are the worst")
    for number, row in enumerate(wrong[: WORST[0] * WORST[1]]):
        down, right = divmod(number, WORST[1])
        image = images[int(row["image"])]
        extent = (right + 0.08, right + 0.92, down + 0.98, down + 0.28)  # left, right, bottom, top; rows are 1.2 high
        axis.imshow(image, extent=extent, aspect=1.2, interpolation="nearest")
        label, guess = (names[int(row[column])] for column in ("label", "predicted"))
        text = f"{label}, no. {row['image']:.0f}\nas {guess}, loss {row['loss']:.1f}"
        axis.text(right + 0.5, down + 0.25, text, ha="center", va="bottom", fontsize=7)
    yield "worst_images.png", figure
