import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.finish import plots
from harness.runs.run_folder import RunFolder
from programs.cifar10 import dataset
from tests.support import small_data

METRICS = (
    "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n"
    "1,1.9,0.3,1.7,0.35\n2,1.5,0.45,1.4,0.5\n3,1.2,0.6,1.3,0.55\n"
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "data").mkdir()
    small_data.write(tmp_path / "data")
    (tmp_path / "run").mkdir()
    run = RunFolder(tmp_path / "run")
    labels = dataset.load_test(tmp_path / "data")[1]
    with run.predictions.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "label", "predicted", "loss"))
        for number, label in enumerate(labels):
            wrong = number in (7, 42)
            rows.writerow((number, label, (label + wrong) % 4, 9.5 if number == 42 else 3.0 if wrong else 0.1))
    run.metrics.write_text(METRICS)
    return run


def test_the_learning_curve_has_a_line_for_each_column_and_equal_runs_equal_pictures(run: RunFolder) -> None:
    plots.draw(run, run.path.parent / "data")
    svg = run.curve.with_suffix(".svg").read_text()
    assert svg.count("<!-- train -->") == svg.count("<!-- validation -->") == 2  # the legends
    first = [path.read_bytes() for path in sorted(run.path.iterdir())]
    plots.draw(run, run.path.parent / "data")
    assert [path.read_bytes() for path in sorted(run.path.iterdir())] == first


def test_the_worst_image_comes_first(run: RunFolder) -> None:
    plots.draw(run, run.path.parent / "data")
    drawn = np.asarray(Image.open(run.worst).convert("RGB")).astype(int)
    images = dataset.load_test(run.path.parent / "data")[0]

    def there(number: int) -> tuple[int, int] | None:
        """Where the image's middle row of pixels, enlarged, is found in the picture."""
        colours = {tuple(pixel) for pixel in images[number].reshape(-1, 3)}
        found = np.argwhere([[tuple(pixel) in colours for pixel in row] for row in drawn[::4, ::4]])
        return tuple(found.mean(0)) if len(found) > 100 else None

    worst, second = there(42), there(7)
    assert worst is not None and second is not None
    assert worst[1] < second[1]  # to the left of it
    assert there(3) is None  # classified rightly


def test_a_run_that_left_no_epoch_gets_no_picture(tmp_path: Path) -> None:
    plots.draw(RunFolder(tmp_path), tmp_path)
    assert list(tmp_path.iterdir()) == []
