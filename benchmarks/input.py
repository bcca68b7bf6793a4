"""How fast images come: packed, against grain's MapDataset over ArrayRecord and a tf.data pipeline over the same files.

    python benchmarks/input.py                      CIFAR-10's images as JPEG files, 64 x 64 pixels; a few minutes
    python benchmarks/input.py --folder FOLDER      a folder of JPEG files by class, resized and compressed again

All shuffle globally, with two threads, in batches of 128, warm; grain decodes with Pillow, the others with
TensorFlow's decoder. They take turns, several times in one run. Ours alone checks each record's sha256, and can be
put at any step.
The last line is JSON; images per second are medians over the turns:
    raw, decoded    images per second without and with decoding: ours, grain, grain_processes, tf_data
    ratio           ours to the better one of the others, the median over the turns: raw, decoded
    waiting         share of the time that steps of ResNet-8 wait for data
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
BATCH, THREADS = 128, 2
WARM = 4  # batches before the clock starts
STEPS = 40  # of ResNet-8


def main() -> None:
    """Prepare the three forms of the data, let them take turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--images", type=int, default=9000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    from harness.frameworks import tensorflow

    tensorflow.set_environment(THREADS)
    with tempfile.TemporaryDirectory(prefix="input-") as scratch:
        folder = asked.folder or cifar10(Path(scratch, "cifar10"), asked.images)
        files = prepared(folder, Path(scratch, "files"), asked.images, asked.size)
        packed, records = packed_and_recorded(Path(scratch), files)
        found: dict[str, dict[str, list[float]]] = {"raw": {}, "decoded": {}}
        for turn in range(asked.turns):
            for kind, rates in found.items():
                decode = kind == "decoded"
                ways = {  # generators: each begins when it is asked for its first batch
                    "ours": ours(packed, asked.size, decode, turn),
                    "grain": grain(records, decode, turn, 0),
                    "grain_processes": grain(records, decode, turn, THREADS),
                    "tf_data": tf_data(files, decode, turn),
                }
                for name, way in ways.items():
                    rates.setdefault(name, []).append(rate(way))
                print(turn, kind, {name: round(each[-1]) for name, each in rates.items()}, flush=True)
        waiting = waited(packed, asked.size)
    result: dict[str, Any] = {
        kind: {name: round(statistics.median(each)) for name, each in rates.items()} for kind, rates in found.items()
    }
    result["ratio"] = {kind: round(statistics.median(ratios(rates)), 2) for kind, rates in found.items()}
    print(json.dumps({"images": len(files), "pixels": asked.size, **result, "waiting": round(waiting, 4)}))


def ratios(rates: dict[str, list[float]]) -> list[float]:
    """In each turn, ours to the best of the others."""
    others = [max(each) for each in zip(*(rates[name] for name in rates if name != "ours"), strict=True)]
    return [own / best for own, best in zip(rates["ours"], others, strict=True)]


def rate(batches: Iterator[Any]) -> float:
    """Images per second of all whole batches but the first few."""
    for _ in range(WARM):
        next(batches)
    began, count = time.perf_counter(), 0
    for batch in batches:
        count += len(batch)
    return count / (time.perf_counter() - began)


def cifar10(out: Path, count: int) -> Path:
    """The first images of CIFAR-10 in $CIFAR10_DIR or data/, as JPEG files by class."""
    from PIL import Image

    from programs.cifar10 import dataset

    data = dataset.load(Path(os.environ.get("CIFAR10_DIR") or ROOT / "data"), 1, 1, 0)
    for number, (image, label) in enumerate(zip(data.train_images[:count], data.train_labels, strict=False)):
        path = out / data.class_names[label] / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, "JPEG", quality=95)
    return out


def prepared(folder: Path, out: Path, count: int, size: int) -> list[Path]:
    """So many of the images, at that size, in folders by class."""
    from PIL import Image

    chosen = sorted(folder.glob("*/*.jpg"))
    files = []
    for path in chosen[:: max(1, len(chosen) // count)][:count]:
        files.append(out / path.relative_to(folder))
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            if image.size == (size, size):
                files[-1].write_bytes(path.read_bytes())
            else:
                image.resize((size, size)).save(files[-1], "JPEG", quality=92)
    return files


def packed_and_recorded(scratch: Path, files: list[Path]) -> tuple[Any, str]:
    """The files packed, and as one ArrayRecord file in which each can be read alone."""
    from array_record.python import array_record_module

    from harness.contract.packed import Packed
    from harness.data import pack
    from harness.settings.schema import Packing

    pack.pack(scratch / "files", scratch / "packed", Packing(0.05, 0.05, 128, None), True, False, print)
    writer = array_record_module.ArrayRecordWriter(str(scratch / "images.array_record"), "group_size:1")
    for path in files:
        writer.write(path.read_bytes())
    writer.close()
    return Packed(scratch / "packed"), str(scratch / "images.array_record")


def ours(packed: Any, size: int, decode: bool, seed: int) -> Iterator[Any]:
    """An epoch of batches as a training takes them."""
    import numpy as np

    from programs.images import dataset
    from programs.images.decode import decoder
    from programs.images.inputs import Ahead

    def raw(contents: Any, sizes: Any) -> Any:
        return np.array([len(each) for each in contents])

    data = dataset.load(packed, size, decoder(size) if decode else raw, THREADS)
    settings = replace(small(size), seed=seed)
    ahead = Ahead(settings, data, 0, BATCH)
    for step in range(ahead.steps_per_epoch):
        yield ahead.take(step)[0]


def grain(records: str, decode: bool, seed: int, processes: int) -> Iterator[Any]:
    """The same with grain."""
    import grain as library

    source = library.sources.ArrayRecordDataSource([records])
    data = library.MapDataset.source(source).seed(seed).shuffle().map(pixels if decode else len)
    batches = data.batch(BATCH, drop_remainder=True)
    reading = library.ReadOptions(num_threads=THREADS, prefetch_buffer_size=16)
    flow = batches.to_iter_dataset(library.ReadOptions(num_threads=1, prefetch_buffer_size=4) if processes else reading)
    if processes:
        flow = flow.mp_prefetch(library.MultiprocessingOptions(num_workers=processes))
    yield from flow


def pixels(content: bytes) -> Any:
    """An image as Pillow decodes it; it releases Python's lock meanwhile."""
    import io

    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def tf_data(files: list[Path], decode: bool, seed: int) -> Iterator[Any]:
    """The same with tf.data, from the files."""
    import tensorflow as tf

    def read(path: Any) -> Any:
        content = tf.io.read_file(path)
        if not decode:
            return tf.strings.length(content)
        return tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")

    paths = tf.data.Dataset.from_tensor_slices([str(path) for path in files]).shuffle(len(files), seed)
    batches = paths.map(read, THREADS, deterministic=True).batch(BATCH, drop_remainder=True).prefetch(4)
    yield from batches.as_numpy_iterator()


def small(size: int) -> Any:
    """ResNet-8 at that size."""
    from programs.images.settings import Settings

    recipe: dict[str, Any] = {
        "resnet_size": 8,
        "resnet_version": 1,
        "epochs": 1,
        "batch_size": BATCH,
        "learning_rate": 0.1,
    }
    recipe |= {"schedule": "linear", "warmup_epochs": 0.1, "optimizer": "sgd", "muon_rate": 0.05, "momentum": 0.9}
    recipe |= {"nesterov": True, "weight_decay": 5e-4, "label_smoothing": 0.0, "augment": True, "crop": 4}
    recipe |= {"alternate_flips": False, "precision": "float32", "xla": False, "sync_batch_norm": True, "seed": 0}
    return Settings(**recipe, image_size=size, width=16)


def waited(packed: Any, size: int) -> float:
    """The share of the time that steps wait for data."""
    from harness.contract.job import Job, Workers
    from harness.contract.plan import DatasetId
    from harness.frameworks import tensorflow
    from programs.images.training import ImageTraining

    workers = Workers(("algo-1",), "algo-1")
    job = Job(workers, tensorflow.Replicas(workers), THREADS, DatasetId("images", "", 0, False, ()))
    steps = ImageTraining(small(size), packed, job, None)
    for _ in range(WARM):
        steps.advance(False, 1)
    steps.recent()
    for _ in range(min(STEPS, steps.steps - WARM)):
        steps.advance(False, 1)
    return steps.recent()["waiting"]


if __name__ == "__main__":
    main()
