"""Plots of a run that show images."""

from pathlib import Path

from harness.finish.plots import _figure, _save
from programs.cifar10 import dataset

WORST = (5, 8)  # rows, columns


def worst(predictions: list[dict[str, float]], data: Path, path: Path) -> None:
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
